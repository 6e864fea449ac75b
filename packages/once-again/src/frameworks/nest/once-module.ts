import { createParamDecorator, Inject, UseInterceptors } from "@nestjs/common";
import type { HttpOptions, LeasedHttpOptions, TransactionalHttpOptions } from "../../http/http-options.ts";
import {
  executionOf,
  type NestContext,
  type NestObservable,
  type NestRequest,
  type OnceNest,
  type OpenedNest,
  openNest,
} from "./interceptor.ts";

// Public types name only parts of Nest's, so that they fit each of its versions and compile without it.

/** Options of one route, which replace the module's options of the same name. */
export type OnceOverrides<Request extends NestRequest = NestRequest, Transaction = never> = Partial<
  LeasedHttpOptions<Request> | TransactionalHttpOptions<Request, Transaction>
>;

/** A module for `imports` of Nest's `@Module`. */
export interface OnceModuleImport {
  module: typeof OnceModule;
  /** True: one import, in the root module, serves all modules. */
  global: boolean;
}

/** How `OnceModule.forRootAsync` gets its options. */
export interface OnceModuleAsyncOptions<Options, Injected extends unknown[]> {
  /** Modules that export what `inject` names. */
  imports?: object[];
  /** Tokens of the providers that `useFactory` gets, in the order of its parameters. Default none. */
  inject?: (string | symbol | object)[];
  /** Returns the options of `onceNest`, or a promise of them. Nest waits for it before it listens. */
  useFactory: (...injected: Injected) => Options | Promise<Options>;
}

type AnyOptions = HttpOptions<NestRequest, unknown>;

/** The injection token of the module's options. */
const optionsToken = Symbol("once-again options");

/**
 * The routes of an application: one for the module's options, and one for each `@Once` with overrides. Inject it where you
 * need a route itself, for example to serve its policy.
 *
 * @example
 * ```ts
 * @Controller(".well-known/idempotency-key")
 * class Policy {
 *   @Inject(OnceRoutes) private readonly routes!: OnceRoutes;
 *
 *   @Get()
 *   read() {
 *     return this.routes.find().policy;
 *   }
 * }
 * ```
 */
export class OnceRoutes {
  readonly #options: AnyOptions;
  readonly #default: OpenedNest;
  readonly #overridden = new Map<object, OpenedNest>();

  /** @internal */
  constructor(options: AnyOptions) {
    this.#options = options;
    this.#default = openNest(options);
  }

  /**
   * Returns the route of the module's options, or of these overrides: the same object gets the same route.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
   */
  find<Request extends NestRequest, Transaction>(overrides?: OnceOverrides<Request, Transaction>): OnceNest {
    if (overrides === undefined) return this.#default.nest;
    const known = this.#overridden.get(overrides);
    if (known !== undefined) return known.nest;
    const route = openNest({ ...this.#options, ...overrides } as AnyOptions);
    this.#overridden.set(overrides, route);
    return route.nest;
  }

  get #all(): OpenedNest[] {
    return [this.#default, ...this.#overridden.values()];
  }

  /** Nest calls this before it closes its server, which waits for connections: callers that go on sending would hold it open. */
  beforeApplicationShutdown(): void {
    for (const route of this.#all) route.endConnections();
  }

  /** Nest calls this after its server has closed: no request begins any more, and operations end before their store does. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#all.map(({ nest }) => nest.close()));
  }
}

/**
 * The module that `@Once()` needs. Import it once, in the root module: it is global. At Nest's shutdown (`app.close()`, or a
 * signal after `app.enableShutdownHooks()`), when the server has closed, it waits for the operations under way and closes
 * its routes. It does not close the store.
 *
 * @example
 * ```ts
 * @Module({ imports: [OnceModule.forRoot({ store, scope: ({ headers }) => accountOf(headers.authorization) })] })
 * class AppModule {}
 *
 * const app = await NestFactory.create(AppModule, { rawBody: true });
 * ```
 */
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest knows a module by its class.
export class OnceModule {
  /**
   * The module with these options, which are those of `onceNest`. They are checked when Nest starts, not here.
   *
   * @throws OnceAgainError at Nest's start: `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
   */
  static forRoot<Request extends NestRequest, Transaction = undefined>(
    options: HttpOptions<Request, Transaction>,
  ): OnceModuleImport {
    return moduleImport({ provide: optionsToken, useValue: options });
  }

  /**
   * The module with options that a factory makes of other providers, such as a store.
   *
   * @throws OnceAgainError at Nest's start: `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
   * @example
   * ```ts
   * const once = OnceModule.forRootAsync({
   *   imports: [StoreModule],
   *   inject: [STORE],
   *   useFactory: (store: Store) => ({ store, scope: ({ headers }) => accountOf(headers.authorization) }),
   * });
   * ```
   */
  static forRootAsync<Request extends NestRequest, Injected extends unknown[], Transaction = undefined>({
    imports = [],
    inject = [],
    useFactory,
  }: OnceModuleAsyncOptions<HttpOptions<Request, Transaction>, Injected>): OnceModuleImport {
    return moduleImport({ provide: optionsToken, inject, useFactory }, imports);
  }
}

function moduleImport(options: object, imports: object[] = []): OnceModuleImport {
  const routes = {
    provide: OnceRoutes,
    inject: [optionsToken],
    useFactory: (given: AnyOptions) => new OnceRoutes(given),
  };
  const whole = { module: OnceModule, global: true, imports, providers: [options, routes], exports: [OnceRoutes] };
  return whole;
}

/**
 * Runs each operation of a method, or of all methods of a controller, once: `@UseInterceptors` with the options of
 * `OnceModule`. Without that module Nest does not start. Interceptors run in the order of their decorators, the top one first.
 *
 * @param overrides replace the module's options of the same name. Default none.
 * @throws OnceAgainError at Nest's start: `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * @Controller("orders")
 * class OrdersController {
 *   @Post()
 *   @Once()
 *   create(@Body() order: Order, @Operation() { key }: NodeExecution) {
 *     return createOrder(order, key);
 *   }
 * }
 * ```
 */
export function Once<Request extends NestRequest = NestRequest, Transaction = never>(
  overrides?: OnceOverrides<Request, Transaction>,
): MethodDecorator & ClassDecorator {
  class OnceInterceptor {
    readonly #route: OnceNest;

    constructor(routes: OnceRoutes) {
      this.#route = routes.find(overrides);
    }

    intercept<Handled extends NestObservable>(context: NestContext, next: { handle: () => Handled }): Promise<Handled> {
      return this.#route.intercept(context, next);
    }
  }
  // The decorator `@Inject`, applied by hand: Node runs TypeScript without decorators.
  Inject(OnceRoutes)(OnceInterceptor, undefined, 0);
  return UseInterceptors(OnceInterceptor as never);
}

const operation = createParamDecorator((_data: unknown, context: NestContext) => executionOf(context));

/**
 * The operation of the request, as a parameter of a method with `@Once()` or `onceNest`: its key, body, signal, and in
 * transactional mode its transaction. Declare it as `NodeExecution` of `once-again/node`, with the type of the transaction.
 */
export function Operation(): ParameterDecorator {
  return operation();
}
