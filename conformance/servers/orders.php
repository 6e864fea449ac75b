<?php
// A right server for PHP's own, which ends each connection, and serves one request at a time:
//
//     STATE=/tmp/orders.json php -S 127.0.0.1:3000 conformance/servers/orders.php
//
// It takes orders at /orders, and tells their number at /effects. Each request is a program, so its records are in a file.

function respond(int $status, array $headers, string $body): never
{
    http_response_code($status);
    foreach ($headers as $name => $value) {
        header("$name: $value");
    }
    echo $body;
    exit();
}

function refuse(int $status, string $title): never
{
    $body = json_encode(["type" => "https://example.com/keys", "title" => $title], JSON_UNESCAPED_SLASHES);
    respond($status, ["Content-Type" => "application/problem+json", "Retry-After" => "1"], $body);
}

/** A value with the members of each object in one order. Objects stay objects, and an empty one is no list. */
function sorted(mixed $value): mixed
{
    if (is_array($value)) {
        return array_map(sorted(...), $value);
    }
    if (!is_object($value)) {
        return $value;
    }
    $members = array_map(sorted(...), (array) $value);
    ksort($members, SORT_STRING);
    return (object) $members;
}

$file = fopen(getenv("STATE"), "c+");
flock($file, LOCK_EX);
$state = json_decode(stream_get_contents($file) ?: '{"orders":0,"records":[]}', true);
$target = parse_url($_SERVER["REQUEST_URI"]);
$path = $_SERVER["REQUEST_METHOD"] . " " . $target["path"];
if ($path === "GET /effects") {
    respond(200, ["Content-Type" => "text/plain"], (string) $state["orders"]);
}
if ($path !== "POST /orders") {
    refuse(404, "nothing here");
}
$credential = $_SERVER["HTTP_AUTHORIZATION"] ?? refuse(401, "who are you?");
// PHP joins repeated headers with commas, which are no part of a key.
$value = trim($_SERVER["HTTP_IDEMPOTENCY_KEY"] ?? "", " \t");
$isQuoted = preg_match('/^"([\x21\x23-\x7e]{1,255})"( *; *[a-z]+(=[a-z0-9]+)?)*$/D', $value, $found);
if (!$isQuoted && !preg_match('/^([\x21\x23-\x2b\x2d-\x7e]{1,255})$/D', $value, $found)) {
    refuse(400, "no key, or a broken one");
}
// Numbers that are larger than PHP's stay as they are.
$order = json_decode(file_get_contents("php://input"), false, 512, JSON_BIGINT_AS_STRING) ?? refuse(400, "no JSON");
$fields = explode("&", $target["query"] ?? "");
sort($fields);
$type = explode(";", $_SERVER["CONTENT_TYPE"] ?? "")[0];
$content = json_encode([sorted($order), $type, $fields]);
$name = explode(" ", $credential)[0] . " " . $found[1];
$known = $state["records"][$name] ?? null;
if ($known !== null && $known["content"] !== $content) {
    refuse(422, "another request has this key");
}
if ($known !== null) {
    [$status, $headers, $body] = $known["result"];
    respond($status, $headers + ["Idempotent-Replayed" => "true"], $body);
}
$state["orders"] += 1;
$result = ($order->fail ?? false)
    ? [500, ["Content-Type" => "text/plain"], "failed"]
    : [201, ["Content-Type" => "application/json"], json_encode(["id" => $state["orders"], "order" => $order])];
$state["records"][$name] = ["content" => $content, "result" => $result];
rewind($file);
fwrite($file, json_encode($state));
fflush($file);
respond(...$result);
