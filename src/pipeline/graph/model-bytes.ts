import {
  type Attribute,
  CONTRIB_DOMAIN,
  DATA_TYPES,
  type GraphParts,
  type Initializer,
  type Node,
  type Value,
} from './graph-parts.ts';
import { MessageWriter } from './onnx-message.ts';

/** AttributeProto.AttributeType */
const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, ints: 7 };
/** TensorProto.DataLocation */
const EXTERNAL = 1;
/** Opset 21 is what every provider of onnxruntime 1.30 implements; IR 10 belongs to it. */
const OPSET = 21;
const IR_VERSION = 10;

/** A graph as a serialised ModelProto. */
export function modelBytes({ name, nodes, initializers, inputs, outputs }: GraphParts): Uint8Array {
  const to = new MessageWriter();
  const opset = (domain: string, version: number) => to.message(8, () => to.text(1, domain).int(2, version));
  to.int(1, IR_VERSION).text(2, 'wuerst');
  to.message(7, () => {
    for (const node of nodes) to.message(1, () => writeNode(to, node));
    to.text(2, name);
    for (const initializer of initializers) to.message(5, () => writeTensor(to, initializer));
    for (const input of inputs) to.message(11, () => writeValueInfo(to, input));
    for (const output of outputs) to.message(12, () => writeValueInfo(to, output));
  });
  opset('', OPSET);
  opset(CONTRIB_DOMAIN, 1);
  return to.toBytes();
}

function writeNode(to: MessageWriter, { op, domain, inputs, outputs, attributes }: Node): void {
  for (const input of inputs) to.text(1, input?.name ?? '');
  for (const output of outputs) to.text(2, output.name);
  to.text(3, outputs[0]?.name ?? op).text(4, op);
  for (const [name, value] of Object.entries(attributes)) to.message(5, () => writeAttribute(to, name, value));
  to.text(7, domain);
}

function writeAttribute(to: MessageWriter, name: string, value: Attribute): void {
  to.text(1, name);
  if (typeof value === 'number') to.int(3, value).int(20, ATTRIBUTE_TYPES.int);
  else if (typeof value === 'string') to.text(4, value).int(20, ATTRIBUTE_TYPES.text);
  else if ('float' in value) to.float(2, value.float).int(20, ATTRIBUTE_TYPES.float);
  else {
    for (const one of value) to.int(8, one);
    to.int(20, ATTRIBUTE_TYPES.ints);
  }
}

function writeTensor(to: MessageWriter, { name, dtype, shape, content }: Initializer): void {
  for (const dim of shape) to.int(1, dim);
  to.int(2, DATA_TYPES[dtype]).text(8, name);
  if (content instanceof Uint8Array) {
    to.bytes(9, content);
    return;
  }
  for (const [key, value] of Object.entries(content)) to.message(13, () => to.text(1, key).text(2, String(value)));
  to.int(14, EXTERNAL);
}

function writeValueInfo(to: MessageWriter, { name, dtype, shape }: Value): void {
  const writeDim = (dim: number | string) => (typeof dim === 'number' ? to.int(1, dim) : to.text(2, dim));
  to.text(1, name).message(2, () =>
    to.message(1, () =>
      to.int(1, DATA_TYPES[dtype]).message(2, () => {
        for (const dim of shape) to.message(1, () => writeDim(dim));
      }),
    ),
  );
}
