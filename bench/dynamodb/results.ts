/** The price of one call. */
export interface Price {
  /** The operations in their order; `PutItem, refused` is one with a condition that did not hold. */
  readonly requests: readonly string[];
  readonly readUnits: number;
  readonly writeUnits: number;
}

/** The content of bench/results/dynamodb.json. */
export interface DynamodbResults {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly load: string;
  readonly powertools: string;
  readonly ways: readonly {
    readonly name: string;
    readonly first: Price & { readonly processorMs: number };
    /** Of a call that this process made. */
    readonly repeat: Price & { readonly processorMs: number };
    /** Of a call that another process made. */
    readonly elsewhere: Price & { readonly processorMs: number };
  }[];
}
