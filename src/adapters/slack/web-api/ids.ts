/**
 * Slack's ids are unique only together with the workspace's.
 * https://docs.slack.dev/reference/objects/user-object
 */
export function scoped(team: string, id: string): string {
  return `${team}:${id}`;
}

export function unscoped(scopedId: string): { readonly team: string; readonly id: string } {
  const colon = scopedId.indexOf(':');
  return { team: scopedId.slice(0, Math.max(colon, 0)), id: scopedId.slice(colon + 1) };
}

/** Conversations with one person start with D; they belong to no guild. */
export function isDirect(channel: string): boolean {
  return channel.startsWith('D');
}
