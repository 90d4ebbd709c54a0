/** Bytes reserved for the length of a message while it is written: up to 256 MB. */
const LENGTH_BYTES = 4;

/**
 * The few protobuf fields that an ONNX model is made of, written by hand: a general library takes three times as long to
 * load as all graphs take to write, and the first step of every picture would wait for it. Everything goes into one
 * buffer, since many small buffers cost more than their contents.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(1 << 18);
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
    this.#varint((field << 3) | 2)
      .#varint(value.length)
      .#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A message field with what `write` puts into it. Its length is filled in afterwards, in the reserved bytes. */
  message(field: number, write: () => void): this {
    this.#varint((field << 3) | 2).#room(LENGTH_BYTES);
    const at = this.#length;
    this.#length += LENGTH_BYTES;
    write();
    const length = this.#length - at - LENGTH_BYTES;
    if (length >= 2 ** (7 * LENGTH_BYTES))
      throw new RangeError(`Expected a message below 256 MB, got ${length} bytes.`);
    for (let i = 0; i < LENGTH_BYTES; i += 1) {
      this.#bytes[at + i] = ((length >>> (7 * i)) & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0);
    }
    return this;
  }

  toBytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
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
