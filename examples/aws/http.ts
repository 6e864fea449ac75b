import type { APIGatewayProxyEventV2WithJWTAuthorizer } from "aws-lambda";
import { onceLambdaHttp } from "once-again/lambda";
import { sqliteStore } from "once-again/stores/sqlite";

type Event = APIGatewayProxyEventV2WithJWTAuthorizer;

export const handler = onceLambdaHttp(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    // The account that API Gateway has authenticated.
    scope: (event: Event) => event.requestContext.authorizer.jwt.claims["sub"] as string,
  },
  async (event, { key }) => {
    const order = JSON.parse(event.body ?? "{}") as { item: string };
    return Response.json({ order, key }, { status: 201, headers: { location: "/orders/7" } });
  },
);
