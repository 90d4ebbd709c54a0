import { PermissionFlagsBits } from 'discord.js';
import { t, translatable } from '../../../texts/translate.ts';

/** What the bot needs in a server, by the names that Discord shows in its settings. */
const PERMISSIONS = [
  { name: translatable('View Channels'), bit: PermissionFlagsBits.ViewChannel },
  { name: translatable('Send Messages'), bit: PermissionFlagsBits.SendMessages },
  { name: translatable('Send Messages in Threads'), bit: PermissionFlagsBits.SendMessagesInThreads },
  { name: translatable('Embed Links'), bit: PermissionFlagsBits.EmbedLinks },
  { name: translatable('Attach Files'), bit: PermissionFlagsBits.AttachFiles },
  { name: translatable('Read Message History'), bit: PermissionFlagsBits.ReadMessageHistory },
] as const;

/** Not asked for, since everyone has it unless it is taken away; where it is, the bot can't read a voice channel's text. */
const CONNECT = { name: translatable('Connect'), bit: PermissionFlagsBits.Connect } as const;

export type PermissionName = (typeof PERMISSIONS)[number]['name'] | 'Connect';

const ALL = PERMISSIONS.reduce((bits, { bit }) => bits | bit, 0n);

/** The link that adds the bot to a server, with exactly the scopes and permissions it uses. */
export function inviteUrl(applicationId: string): string {
  const query = new URLSearchParams({
    client_id: applicationId,
    integration_type: '0',
    scope: 'bot applications.commands',
    permissions: ALL.toString(),
  });
  return `https://discord.com/oauth2/authorize?${query}`;
}

/** The link that adds the bot to one's own account, for use in any server, direct message or group. */
export function userInstallUrl(applicationId: string): string {
  const query = new URLSearchParams({
    client_id: applicationId,
    integration_type: '1',
    scope: 'applications.commands',
  });
  return `https://discord.com/oauth2/authorize?${query}`;
}

/** As the reader's Discord names it in its settings, in quotes. */
export function shownName(name: PermissionName): string {
  return t('“{name}”', { name: t(name) });
}

/** Names of those among `wanted` that the bit set (a decimal string, as Discord sends it) lacks. */
export function missingPermissions(permissions: string, wanted: readonly PermissionName[]): readonly PermissionName[] {
  const have = BigInt(permissions);
  if ((have & PermissionFlagsBits.Administrator) !== 0n) return [];
  return [...PERMISSIONS, CONNECT]
    .filter(({ name, bit }) => wanted.includes(name) && (have & bit) === 0n)
    .map(({ name }) => name);
}
