import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Ends } from './workshop.ts';

/** Passes connections on to a port of this machine, until it goes silent: then those that are open stay so, and nothing comes. */
export class SilentProxy {
  readonly port: number;
  readonly #open: Set<Socket>;

  private constructor(port: number, open: Set<Socket>) {
    this.port = port;
    this.#open = open;
  }

  static async start(t: Ends, target: number): Promise<SilentProxy> {
    const open = new Set<Socket>();
    const server = createServer((from) => {
      const to = connect(target, '127.0.0.1');
      from.pipe(to).pipe(from);
      for (const socket of [from, to]) {
        open.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          open.delete(socket);
          from.destroy();
          to.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    return new SilentProxy((server.address() as AddressInfo).port, open);
  }

  /** What is open now says nothing any more; new connections work. */
  silence(): void {
    for (const socket of this.#open) {
      socket.unpipe();
      socket.pause();
    }
  }
}
