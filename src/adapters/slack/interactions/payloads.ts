import * as z from 'zod';
import { slackFile } from './given-files.ts';

/** What is read of Slack's payloads. https://docs.slack.dev/reference/interaction-payloads */
export const message = z.object({
  user: z.string(),
  channel: z.string(),
  ts: z.string(),
  thread_ts: z.string().optional(),
  text: z.string().optional(),
  subtype: z.string().optional(),
  bot_id: z.string().optional(),
  files: z.array(slackFile).nullish(),
});
export const click = z.object({
  user: z.object({ id: z.string() }),
  trigger_id: z.string(),
  channel: z.object({ id: z.string() }).nullish(),
  message: z.object({ thread_ts: z.string().nullish() }).nullish(),
  container: z.object({ thread_ts: z.string().nullish() }).nullish(),
  view: z.object({ type: z.string() }).nullish(),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().nullish() })).min(1),
});
export const shortcut = z.object({
  user: z.object({ id: z.string() }),
  channel: z.object({ id: z.string() }),
  message: z.object({
    ts: z.string(),
    thread_ts: z.string().nullish(),
    text: z.string().nullish(),
    files: z.array(slackFile).nullish(),
  }),
  trigger_id: z.string(),
});
export const revoked = z.object({ tokens: z.object({ bot: z.array(z.string()).nullish() }).nullish() });
