import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { UserError } from '../system/errors.ts';
import { printableLine } from '../system/printable.ts';
import { t } from '../texts/translate.ts';

export function discordCommand(): Command {
  const invite = new Command('invite')
    .description(t('print the links that add the bot to a server or to an account, with exactly the rights it needs'))
    .action(async () => {
      const { discord } = readConfig(process.env);
      if (!discord) {
        throw new UserError(
          'discord_token_missing',
          t('Expected DISCORD_TOKEN in the environment or in .env, and it is not set.'),
          {
            hint: t('Get one in the Developer Portal → your application → Bot → Reset Token.'),
          },
        );
      }
      const { fetchApplication } = await import('../adapters/discord/adapter.ts');
      const { inviteUrl, userInstallUrl } = await import('../adapters/discord/commands/permissions.ts');
      const { id, name } = await fetchApplication(discord);
      process.stdout.write(
        [
          t('Add {name} to a server:  {url}', { name: printableLine(name), url: inviteUrl(id) }),
          t('Add it to your account:  {url}', { url: userInstallUrl(id) }),
          '',
        ].join('\n'),
      );
    });
  return new Command('discord').description(t('set up Discord')).addCommand(invite);
}

export function slackCommand(): Command {
  const manifest = new Command('manifest')
    .description(t('print the app manifest to paste into Slack'))
    .action(async () => {
      const { slackManifest } = await import('../adapters/slack/connection/manifest.ts');
      process.stdout.write(slackManifest());
    });
  return new Command('slack').description(t('set up Slack')).addCommand(manifest);
}
