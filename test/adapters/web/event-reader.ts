export interface ReadEvent {
  readonly id: number | null;
  readonly type: string;
  readonly data: {
    readonly type: string;
    readonly replays: boolean;
    readonly job: {
      readonly id: string;
      readonly position: number | null;
      readonly request: { readonly prompt: string };
    };
    readonly step: number;
  };
}

/** Reads server-sent events from a response until `enough` of them came. */
export async function readEvents(
  response: Response,
  enough: (events: readonly ReadEvent[]) => boolean,
): Promise<ReadEvent[]> {
  const reader = response.body?.getReader();
  if (!reader) throw new Error(`no body, status ${response.status}`);
  const events: ReadEvent[] = [];
  const decoder = new TextDecoder();
  let text = '';
  while (!enough(events)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    events.push(...frames.flatMap(parseFrame));
  }
  await reader.cancel();
  return events;
}

function parseFrame(frame: string): ReadEvent[] {
  const fields = Object.fromEntries(frame.split('\n').map((line) => line.split(/: (.*)/s)));
  if (fields.data === undefined) return [];
  return [
    { id: fields.id === undefined ? null : Number(fields.id), type: fields.event, data: JSON.parse(fields.data) },
  ];
}
