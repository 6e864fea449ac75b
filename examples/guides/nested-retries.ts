import { retryingFetch } from "once-again/client";
import { noticeNestedRetries } from "once-again/layers";

export const fetch = noticeNestedRetries(retryingFetch({ keys: "off" }));
