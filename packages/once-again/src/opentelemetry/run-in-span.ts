import { type Attributes, errorStatus, type Span } from "./api.ts";
import { errorType } from "./http-attributes.ts";
import type { MessageTracing } from "./message-context.ts";

/** Runs a call while its span is active, and ends the span with it. What the call throws is thrown. */
export async function runInSpan<Value>(
  { trace, context }: MessageTracing,
  span: Span,
  call: () => Promise<Value>,
): Promise<Value> {
  try {
    return await context.with(trace.setSpan(context.active() as never, span as never) as never, call);
  } catch (error) {
    failSpan(span, errorType(undefined, error));
    throw error;
  } finally {
    span.end();
  }
}

/** Says that what a span is about has failed. */
export function failSpan(span: Span, error: string, attributes: Attributes = {}): void {
  span.setAttributes({ ...attributes, "error.type": error });
  span.setStatus({ code: errorStatus });
}
