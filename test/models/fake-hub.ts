import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface FakeFile {
  readonly bytes: Buffer;
  /** Kept as a large file: listed with its sha256 and sent by the second host. */
  readonly large: boolean;
}

/** By `owner/name`, then by path. */
export type FakeRepositories = Map<string, Map<string, FakeFile>>;

export interface SeenRequest {
  readonly host: 'hub' | 'cdn';
  /** Path without query, `/owner/name/resolve/<commit>/<path>` or `/api/…` at the hub; `/<path of the file>` at the cdn. */
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong with one answer. */
export interface Fault {
  /** Refuses, with `body` and `headers` if given. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent instead of what is right. */
  readonly body?: Buffer | string;
  /** Bytes of the body after which the connection is destroyed. */
  readonly cutAfter?: number;
  /** The whole file, whatever range was asked for. */
  readonly ignoreRange?: boolean;
  /** Called when the bytes before the cut are on their way; the connection stays open and silent until `cut`. */
  readonly hang?: (cut: () => void) => void;
}

export interface FakeHub {
  endpoint: string;
  readonly seen: SeenRequest[];
  /** Asked for every request; undefined answers as the hub does. */
  fault: (request: SeenRequest) => Fault | undefined;
  repositories: FakeRepositories;
  /** The commit that `main` of every repository stands for. */
  commit: string;
  /** Requests that a file's bytes were sent for, whole or not, by its path in any repository. */
  sent(path: string): SeenRequest[];
}

interface RightAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Parts of the body can be asked for. */
  readonly ranges?: boolean;
}

type Answerer = (path: string, query: URLSearchParams) => RightAnswer;

const TREE_PAGE = 4;

/**
 * A hub on two ports of the loopback device: API, listings in pages, small files on the first one, and redirects to
 * the second one for large files.
 */
export async function startFakeHub(t: TestContext, repositories: FakeRepositories): Promise<FakeHub> {
  const hub: FakeHub = {
    endpoint: '',
    seen: [],
    fault: () => undefined,
    repositories,
    commit: 'c'.repeat(40),
    sent: (path) => {
      const large = [...hub.repositories.values()].some((files) => files.get(path)?.large);
      return hub.seen.filter(({ host, path: asked }) =>
        large ? host === 'cdn' && asked === `/${path}` : asked.includes('/resolve/') && asked.endsWith(`/${path}`),
      );
    },
  };
  const cdn = await listen(t, hub, 'cdn', (path, query) => {
    const content = hub.repositories.get(query.get('repo') ?? '')?.get(path.slice(1));
    return content ? { status: 200, body: content.bytes, ranges: true } : { status: 404 };
  });
  hub.endpoint = await listen(t, hub, 'hub', (path, query) => hubAnswer(hub, cdn, path, query));
  return hub;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hubAnswer(hub: FakeHub, cdn: string, path: string, query: URLSearchParams): RightAnswer {
  const [, repo = '', kind = '', commit = '', file = ''] =
    /^(?:\/api\/models)?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  const files = hub.repositories.get(repo);
  const known = commit === hub.commit || (kind === 'revision' && commit === 'main');
  if (!files || !known) return { status: 404, headers: { 'x-error-code': 'RepoNotFound' } };
  if (kind === 'revision') return { status: 200, body: json({ _id: '1', id: repo, sha: hub.commit }) };
  if (kind === 'tree') {
    const at = Number(query.get('cursor') ?? 0);
    const entries = [...files].map(([name, content]) => listed(name, content));
    const next = `<${hub.endpoint}${path}?recursive=true&cursor=${at + TREE_PAGE}>; rel="next"`;
    const more = at + TREE_PAGE < entries.length;
    return { status: 200, headers: more ? { link: next } : {}, body: json(entries.slice(at, at + TREE_PAGE)) };
  }
  const content = files.get(file);
  if (!content) return { status: 404, headers: { 'x-error-code': 'EntryNotFound' } };
  if (!content.large) return { status: 200, body: content.bytes, ranges: true };
  return { status: 302, headers: { location: `${cdn}/${file}?repo=${encodeURIComponent(repo)}` } };
}

function listed(path: string, { bytes, large }: FakeFile) {
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 };
  return { type: 'file', path, size: bytes.length, oid, ...(large && { lfs }) };
}

async function listen(t: TestContext, hub: FakeHub, host: SeenRequest['host'], answer: Answerer): Promise<string> {
  const server = createServer(({ url = '', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    const { range, authorization } = headers;
    const seen = { host, path: decodeURIComponent(pathname), range, authorization };
    hub.seen.push(seen);
    const fault = hub.fault(seen);
    const right = answer(seen.path, searchParams);
    send(response, right.ranges && !fault?.ignoreRange ? inRange(right, range) : right, fault);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function inRange(right: RightAnswer, range: string | undefined): RightAnswer {
  const { body = Buffer.alloc(0) } = right;
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (from === 0) return right;
  if (from >= body.length) return { status: 416 };
  const headers = { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
  return { status: 206, headers, body: body.subarray(from) };
}

function send(response: ServerResponse, right: RightAnswer, fault: Fault = {}): void {
  const { status, headers, body = Buffer.alloc(0) } = fault.status === undefined ? right : { status: fault.status };
  const bytes = fault.body === undefined ? body : Buffer.from(fault.body);
  response.writeHead(status, { 'content-length': String(bytes.length), ...headers, ...fault.headers });
  if (fault.cutAfter === undefined) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, fault.cutAfter), () => {
    const cut = () => void response.socket?.end(() => response.destroy());
    if (fault.hang) fault.hang(cut);
    else cut();
  });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
