import { byTurn, type Flow, type Ordered, type Source } from './flow.ts';
import { SortedList } from './sorted-list.ts';

interface Turn<Job, S> {
  readonly flow: Flow<S>;
  readonly jobs: Iterator<Job, void>;
  tag: number;
  ticket: number | null;
  /** Waiting jobs that had no turn yet. */
  left: number;
}

/** The turns of a level if nobody else came. Flows are looked at only when their turn may be the next one. */
export class Forecast<Job, S extends Source<Job>> {
  readonly #flows: Iterator<Flow<S>>;
  readonly #turns = new SortedList<Turn<Job, S>>(byTurn);
  readonly #met = new Map<string, Turn<Job, S>>();
  /** Places of flows that were charged before they were met. */
  readonly #raised = new Map<string, Ordered>();
  #next: Flow<S> | undefined;
  #ticket: number;

  /** @param flows with waiting jobs, in their order */
  constructor(flows: Iterator<Flow<S>>, ticket: number) {
    this.#flows = flows;
    this.#ticket = ticket;
    this.#next = this.#flows.next().value;
  }

  get first(): Turn<Job, S> | undefined {
    // A charge only puts a flow further back, so that those not met yet come after the next of them.
    for (let flow = this.#next; flow !== undefined; flow = this.#next) {
      const { first } = this.#turns;
      if (first !== undefined && byTurn(first, flow) < 0) break;
      const { tag, ticket } = this.#raised.get(flow.key) ?? flow;
      const turn = { flow, tag, ticket, jobs: flow.source.forecast(), left: flow.source.size };
      this.#met.set(flow.key, turn);
      this.#turns.add(turn);
      this.#next = this.#flows.next().value;
    }
    return this.#turns.first;
  }

  /** A turn is over. */
  charge(turn: Turn<Job, S>, start: number, charge: number): void {
    turn.left -= 1;
    this.#charge(turn, start, charge);
  }

  /** A flow is charged for another one's turn. */
  chargeToo(flow: Flow<S>, start: number, charge: number): void {
    const turn = this.#met.get(flow.key);
    if (turn === undefined) {
      const { tag } = this.#raised.get(flow.key) ?? flow;
      this.#raised.set(flow.key, { tag: Math.max(tag, start) + charge, ticket: this.#ticket++ });
    } else this.#charge(turn, start, charge);
  }

  #charge(turn: Turn<Job, S>, start: number, charge: number): void {
    this.#turns.delete(turn);
    turn.tag = Math.max(turn.tag, start) + charge;
    turn.ticket = this.#ticket++;
    if (turn.left > 0) this.#turns.add(turn);
  }
}
