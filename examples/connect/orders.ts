import { create, createFileRegistry, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as Level,
} from "@bufbuild/protobuf/wkt";

// The code that protoc-gen-es would generate of orders.proto, written by hand: no compiler of .proto files is needed to run this.

type Order = Message<"shop.v1.Order"> & { item: string; amount: number; labels: Record<string, string> };
type Receipt = Message<"shop.v1.Receipt"> & { id: string; item: string };

const text = (name: string, number: number) => ({
  name,
  jsonName: name,
  number,
  type: Type.STRING,
  label: Label.OPTIONAL,
});
const method = (name: string, idempotencyLevel = Level.IDEMPOTENCY_UNKNOWN, serverStreaming = false) => ({
  name,
  inputType: ".shop.v1.Order",
  outputType: ".shop.v1.Receipt",
  serverStreaming,
  options: { idempotencyLevel },
});

const file = create(FileDescriptorProtoSchema, {
  name: "shop/v1/orders.proto",
  package: "shop.v1",
  syntax: "proto3",
  messageType: [
    {
      name: "Order",
      field: [
        text("item", 1),
        { name: "amount", jsonName: "amount", number: 2, type: Type.INT32, label: Label.OPTIONAL },
        {
          name: "labels",
          jsonName: "labels",
          number: 3,
          type: Type.MESSAGE,
          label: Label.REPEATED,
          typeName: ".shop.v1.Order.LabelsEntry",
        },
      ],
      nestedType: [{ name: "LabelsEntry", field: [text("key", 1), text("value", 2)], options: { mapEntry: true } }],
    },
    { name: "Receipt", field: [text("id", 1), text("item", 2)] },
  ],
  service: [
    {
      name: "Orders",
      method: [
        method("Create"),
        method("Cancel"),
        method("Put", Level.IDEMPOTENT),
        method("Get", Level.NO_SIDE_EFFECTS),
        method("Watch", Level.IDEMPOTENCY_UNKNOWN, true),
        method("List", Level.NO_SIDE_EFFECTS, true),
      ],
    },
  ],
});

interface Unary {
  methodKind: "unary";
  input: GenMessage<Order>;
  output: GenMessage<Receipt>;
}
interface Stream extends Omit<Unary, "methodKind"> {
  methodKind: "server_streaming";
}

/** Create and Cancel say nothing of their idempotency, nor does Watch, a stream; Put is idempotent, Get and List have no side effects. */
export const Orders = createFileRegistry(file, () => undefined).getService("shop.v1.Orders") as GenService<{
  create: Unary;
  cancel: Unary;
  put: Unary;
  get: Unary;
  watch: Stream;
  list: Stream;
}>;
