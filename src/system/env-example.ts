import type { Variable } from './variables.ts';

const HEAD = `# Settings of wuerst. Copy this file to .env, and remove the # before what you set. It is generated: npm run env-example
# Keep .env to yourself: chmod 600 .env
`;

/** A file `.env` in which nothing is set: each variable with what it is for and what applies without it. */
export function envExample(variables: readonly Variable[]): string {
  const entries = variables.map(
    ({ name, help, otherwise, option }) =>
      `\n# ${capitalised(help)}\n# Otherwise: ${otherwise}.${option === undefined ? ' Secret.' : ''}\n# ${name}=\n`,
  );
  return HEAD + entries.join('');
}

function capitalised(sentence: string): string {
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}
