/** One instruction of a Dockerfile, e.g. keyword `RUN` with the rest of its line, continued lines included. */
export interface Instruction {
  readonly keyword: string;
  readonly rest: string;
}

export interface Stage {
  readonly name: string | undefined;
  /** An image with its tag, or the name of an earlier stage. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile in their order. Heredocs, other escapes and arguments before the first stage are not read. */
export function readDockerfile(text: string): readonly Stage[] {
  const lines = text
    .replaceAll(/^[^\S\n]*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string | undefined; base: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (keyword === '') throw new SyntaxError(`Expected an instruction, got ${JSON.stringify(line)}.`);
    if (keyword === 'FROM') {
      const [, base = '', name] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ name, base, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new SyntaxError(`Expected FROM first, got ${keyword}.`);
      stage.instructions.push({ keyword, rest });
    }
  }
  return stages;
}

/** The stages that a target is made of, from its image on. @param target a name; the last stage without it */
export function lineOf(stages: readonly Stage[], target?: string): readonly Stage[] {
  const last = target === undefined ? stages.at(-1) : stages.find(({ name }) => name === target);
  if (last === undefined) throw new RangeError(`Expected a stage of the Dockerfile, got ${target}.`);
  const isStage = stages.some(({ name }) => name === last.base);
  return isStage ? [...lineOf(stages, last.base), last] : [last];
}

/** What `COPY` copies: paths of the context, or of an earlier stage. */
export function readCopy(rest: string): { from: string | undefined; sources: readonly string[]; target: string } {
  const words = rest.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

/** Variables of `ENV`, and of `LABEL`. */
export function readVariables(rest: string): Readonly<Record<string, string>> {
  const found = rest.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g);
  return Object.fromEntries([...found].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}

/** Whether the build gets a path of the context to see, by the patterns of `.dockerignore`; the last one that fits decides. */
export function isInContext(path: string, ignoreFile: string): boolean {
  let isIn = true;
  for (const line of ignoreFile.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const isException = line.startsWith('!');
    const pattern = isException ? line.slice(1) : line;
    if (patternOf(pattern).test(path)) isIn = isException;
  }
  return isIn;
}

/** Fits a path and everything below it. */
function patternOf(glob: string): RegExp {
  const source = glob
    .split('/')
    .map((part) =>
      part === '**' ? '(?:.*/)?' : `${part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}/`,
    )
    .join('')
    .replace(/\/$/, '');
  return new RegExp(`^${source}(?:/.*)?$`);
}
