/**
 * The few protobuf messages that an ONNX model is made of, written by hand: a general library takes three times as long
 * to load as all graphs take to write, and the first step of every picture would wait for it.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export class Message {
  #bytes = Buffer.allocUnsafe(64);
  #length = 0;

  /** A varint field; `value` is a whole number, negative ones as 64-bit two's complement. */
  int(field: number, value: number | bigint): this {
    return this.#varint((field << 3) | 0).#varint(value);
  }

  float(field: number, value: number): this {
    this.#varint((field << 3) | 5).#room(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
    return this;
  }

  text(field: number, value: string): this {
    const length = Buffer.byteLength(value);
    this.#varint((field << 3) | 2)
      .#varint(length)
      .#room(length);
    this.#length += this.#bytes.write(value, this.#length);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#varint((field << 3) | 2)
      .#varint(value.length)
      .#append(value);
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.#bytes.subarray(0, value.#length));
  }

  messages(field: number, values: readonly Message[]): this {
    for (const value of values) this.message(field, value);
    return this;
  }

  toBytes(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #append(value: Uint8Array): this {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  #varint(value: number | bigint): this {
    this.#room(10);
    let rest: number;
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) rest = value;
    else {
      let wide = BigInt.asUintN(64, BigInt(value));
      for (; wide >= 2n ** 31n; wide >>= 7n) this.#bytes[this.#length++] = Number(wide & 127n) | 128;
      rest = Number(wide);
    }
    for (; rest > 127; rest >>>= 7) this.#bytes[this.#length++] = (rest & 127) | 128;
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Makes room for so many more bytes. */
  #room(more: number): this {
    if (this.#length + more > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#length + more));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    return this;
  }
}
