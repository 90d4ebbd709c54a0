import type { RunningBot } from '../../src/main.ts';
import { found, jobOf, type Shown, type Surface } from './surface.ts';

const USER = 'ann';
const ROOM = 'scripts';

interface Answer {
  readonly reply?: { readonly title: string };
  readonly error?: { readonly message: string; readonly hint?: string };
}

/** The HTTP face, as a script uses it. */
export function httpSurface(bot: RunningBot): Surface {
  const at = (path: string) => new URL(path, bot.url);
  const post = async (path: string, body: object): Promise<Answer> => {
    const init =
      body instanceof FormData
        ? { body }
        : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    return (await fetch(at(path), { method: 'POST', ...init })).json() as Promise<Answer>;
  };
  const command = (text: string, picture?: Buffer) => {
    const path = `api/rooms/${ROOM}/commands`;
    if (picture === undefined) return post(path, { text: `/wuerst ${text}`, user: USER });
    const form = new FormData();
    form.append('text', text);
    form.append('user', USER);
    form.append('image', new Blob([Uint8Array.from(picture)]), 'photo.png');
    return post(path, form);
  };
  const shown = async (act: () => Promise<Answer>): Promise<Shown> => {
    const asked = async () => {
      const { error } = await act();
      if (error !== undefined) throw new Error(`${error.message} ${error.hint}`);
    };
    const { id } = await jobOf(bot, 'web', asked);
    const job = await found(() => bot.studio.job(id));
    const json = (await (await fetch(at(`api/jobs/${id}`))).json()) as { images: { url: string }[] };
    const file = await fetch(at(json.images[0]?.url ?? ''));
    return { job, file: Buffer.from(await file.arrayBuffer()) };
  };
  const act = ({ job }: Shown, verb: string, text?: string) =>
    post('api/actions', {
      action: `${verb}:${job.images[0]?.id}`,
      user: USER,
      ...(text === undefined ? {} : { text }),
    });
  return {
    name: 'HTTP',
    paint: (text, picture) => shown(() => command(text, picture)),
    say: async (text) => told(await command(text)),
    press: (before, verb, text) => shown(() => act(before, verb, text)),
    ask: async (before, verb, text) => told(await act(before, verb, text)),
    async again({ job }) {
      await command(`show ${job.id}`);
      const file = await fetch(at(`images/${job.images[0]?.id}.png`));
      return Buffer.from(await file.arrayBuffer());
    },
    async offers(setting, typed) {
      const text = `a panda ${setting}:${typed}`;
      const url = at('api/complete');
      url.search = new URLSearchParams({ text, cursor: String(text.length), room: ROOM, user: USER }).toString();
      const { items } = (await (await fetch(url)).json()) as { items: { insert: string }[] };
      return items.map(({ insert }) => insert);
    },
    close: async () => {},
  };
}

function told({ reply, error }: Answer): string {
  if (error !== undefined) return `${error.message}\n${error.hint}`;
  return JSON.stringify(reply);
}
