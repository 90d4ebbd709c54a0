import {
  type Attribute,
  CONTRIB_DOMAIN,
  DATA_TYPES,
  type GraphParts,
  type Initializer,
  type Node,
  type Value,
} from './graph-parts.ts';
import { Message } from './onnx-message.ts';

/** AttributeProto.AttributeType */
const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, ints: 7 };
/** TensorProto.DataLocation */
const EXTERNAL = 1;
/** Opset 21 is what every provider of onnxruntime 1.30 implements; IR 10 belongs to it. */
const OPSET = 21;
const IR_VERSION = 10;

/** A graph as a serialised ModelProto. */
export function modelBytes({ name, nodes, initializers, inputs, outputs }: GraphParts): Uint8Array {
  const opset = (domain: string, version: number) => new Message().text(1, domain).int(2, version);
  const graph = new Message()
    .messages(1, nodes.map(nodeProto))
    .text(2, name)
    .messages(5, initializers.map(tensorProto))
    .messages(11, inputs.map(valueInfo))
    .messages(12, outputs.map(valueInfo));
  return new Message()
    .int(1, IR_VERSION)
    .text(2, 'wuerst')
    .message(7, graph)
    .messages(8, [opset('', OPSET), opset(CONTRIB_DOMAIN, 1)])
    .toBytes();
}

function nodeProto({ op, domain, inputs, outputs, attributes }: Node): Message {
  const message = new Message();
  for (const input of inputs) message.text(1, input?.name ?? '');
  for (const output of outputs) message.text(2, output.name);
  message
    .text(3, outputs[0]?.name ?? op)
    .text(4, op)
    .text(7, domain);
  return message.messages(
    5,
    Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  );
}

function attributeProto(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, ATTRIBUTE_TYPES.int);
  if (typeof value === 'string') return message.text(4, value).int(20, ATTRIBUTE_TYPES.text);
  if ('float' in value) return message.float(2, value.float).int(20, ATTRIBUTE_TYPES.float);
  for (const one of value) message.int(8, one);
  return message.int(20, ATTRIBUTE_TYPES.ints);
}

function tensorProto({ name, dtype, shape, content }: Initializer): Message {
  const message = new Message().int(2, DATA_TYPES[dtype]).text(8, name);
  for (const dim of shape) message.int(1, dim);
  if (content instanceof Uint8Array) return message.bytes(9, content);
  const entries = Object.entries(content).map(([key, value]) => new Message().text(1, key).text(2, String(value)));
  return message.messages(13, entries).int(14, EXTERNAL);
}

function valueInfo({ name, dtype, shape }: Value): Message {
  const dims = shape.map((dim) => (typeof dim === 'number' ? new Message().int(1, dim) : new Message().text(2, dim)));
  const type = new Message().int(1, DATA_TYPES[dtype]).message(2, new Message().messages(1, dims));
  return new Message().text(1, name).message(2, new Message().message(1, type));
}
