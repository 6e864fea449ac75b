import { OnceAgainError } from "../core/errors.ts";
import { nameProblem } from "../engine/operation-name.ts";
import type { Admission } from "./admission.ts";
import type { IdentifiedRequest, Identify, ReceivedRequest } from "./message.ts";

/** A request without its body, which is read apart. */
interface MessageHead extends Omit<ReceivedRequest, "body" | "header"> {
  headerValues(lowerCaseName: string): readonly string[];
}

/** Asks the route's own rule about a message. A rule that fails has not believed it. */
export async function identifyMessage(
  { identify, onError }: { identify: Identify | undefined; onError: (error: unknown) => void },
  request: MessageHead,
  body: Uint8Array<ArrayBuffer>,
): Promise<Admission> {
  const { method, path, query, contentType } = request;
  const header = (name: string): string | undefined => {
    const values = request.headerValues(name.toLowerCase());
    return values.length === 1 ? values[0] : undefined;
  };
  let identified: IdentifiedRequest | undefined;
  try {
    identified = await identify?.({ method, path, query, contentType, body, header });
  } catch (error) {
    // A forged message is no news. A fault of the rule itself would not be seen otherwise.
    if (isFault(error)) onError(error);
  }
  if (identified === undefined) return { refused: "ONCE_SIGNATURE_INVALID", detail: notBelieved };
  const { key, event } = identified;
  const problem = nameProblem(key);
  if (problem === undefined) return { key, isOld: false, message: { event, body } };
  return { refused: "ONCE_KEY_INVALID", detail: `The id of this message is ${problem}.` };
}

function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || OnceAgainError.isInstance(error);
}

const notBelieved =
  "This message is not signed by its sender, was changed on its way, or is older than is allowed. Nothing happened.";
