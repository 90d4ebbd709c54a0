/**
 * The few protobuf messages that an ONNX model is made of, written by hand: a general library takes three times as long
 * to load as all graphs take to write, and the first step of every picture would wait for it.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** A varint field; `value` is a whole number, negative ones as 64-bit two's complement. */
  int(field: number, value: number | bigint): this {
    return this.#append(varint((field << 3) | 0), varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#append(varint((field << 3) | 5), bytes);
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#append(varint((field << 3) | 2), varint(value.length), value);
  }

  message(field: number, value: Message): this {
    this.#append(varint((field << 3) | 2), varint(value.#length));
    this.#parts.push(...value.#parts);
    this.#length += value.#length;
    return this;
  }

  messages(field: number, values: readonly Message[]): this {
    for (const value of values) this.message(field, value);
    return this;
  }

  toBytes(): Uint8Array {
    return Buffer.concat(this.#parts, this.#length);
  }

  #append(...parts: Uint8Array[]): this {
    for (const part of parts) {
      this.#parts.push(part);
      this.#length += part.length;
    }
    return this;
  }
}

const SMALL = Array.from({ length: 128 }, (_, value) => Uint8Array.of(value));

function varint(value: number | bigint): Uint8Array {
  const small = typeof value === 'number' ? SMALL[value] : undefined;
  if (small) return small;
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
