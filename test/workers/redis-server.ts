import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisAddress, readRedisAddress } from '../../src/workers/redis-address.ts';

interface Cleanup {
  after(end: () => unknown): void;
}

/** A real redis-server on a port of this machine, which can be killed and started again with or without its data. */
export class RedisServer {
  readonly port: number;
  readonly folder: string;
  readonly #options: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, options: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
  }

  /** @param options lines of redis.conf, e.g. `maxmemory 10mb` */
  static async start(t: Cleanup, options: readonly string[] = []): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'wuerst-redis-'));
    const server = new RedisServer(await freePort(), folder, options);
    t.after(async () => {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get address(): RedisAddress {
    return this.addressAs('');
  }

  /** @param user as in `name:password@` */
  addressAs(user: string, port = this.port): RedisAddress {
    const url = `redis://${user}127.0.0.1:${port}`;
    return readRedisAddress(url, { setting: 'WUERST_REDIS', plainHosts: [], plainSetting: 'WUERST_PLAIN_HOSTS' });
  }

  /** Resolves when it answers. */
  async start({ keepData = true }: { readonly keepData?: boolean } = {}): Promise<void> {
    const file = join(this.folder, 'redis.conf');
    if (!keepData) rmSync(join(this.folder, 'appendonlydir'), { recursive: true, force: true });
    const lines = [
      `port ${this.port}`,
      'bind 127.0.0.1',
      `dir ${this.folder}`,
      'save ""',
      'appendonly yes',
      'appendfsync always',
      'daemonize no',
      ...this.#options,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const child = spawn('redis-server', [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)));
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('Ready to accept connections')) resolve();
      });
    });
    child.removeAllListeners('exit');
  }

  /** All that it keeps, as text: the keys and what is in them. */
  async contents(): Promise<string> {
    const redis = new Redis(this.port);
    const read: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
      string: (key) => redis.get(key),
      hash: (key) => redis.hgetall(key),
      list: (key) => redis.lrange(key, 0, -1),
      set: (key) => redis.smembers(key),
      zset: (key) => redis.zrange(key, 0, -1),
      stream: (key) => redis.xrange(key, '-', '+'),
    };
    try {
      const keys = await redis.keys('*');
      const values = await Promise.all(keys.map(async (key) => [key, await read[await redis.type(key)]?.(key)]));
      return values.map((value) => JSON.stringify(value)).join('\n');
    } finally {
      redis.disconnect();
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
