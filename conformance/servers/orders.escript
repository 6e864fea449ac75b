#!/usr/bin/env escript
%%! -noinput
%% A right server in Erlang, a process for each connection: HTTP/1.1, which keeps connections.
%%
%%     escript conformance/servers/orders.escript
%%
%% It takes orders at /orders, and tells their number at /effects. It has no parser for JSON: two layouts of one order are two.
%% Duplicates wait for the first.
-mode(compile).

main(_) ->
    {ok, Server} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}, {packet, http_bin}, {active, false},
                                      {backlog, 128}, {reuseaddr, true}, {packet_size, 65536}]),
    {ok, Port} = inet:port(Server),
    Ledger = spawn_link(fun() -> ledger(0, #{}) end),
    io:format("http://127.0.0.1:~b~n", [Port]),
    accept(Server, Ledger).

accept(Server, Ledger) ->
    {ok, Caller} = gen_tcp:accept(Server),
    Pid = spawn(fun() -> receive go -> serve(Caller, Ledger) end end),
    ok = gen_tcp:controlling_process(Caller, Pid),
    Pid ! go,
    accept(Server, Ledger).

%% The records. A caller that asks for an order gets `run`, or its result, or hears of it once it is there.
ledger(Orders, Records) ->
    receive
        {From, count} ->
            From ! {count, Orders},
            ledger(Orders, Records);
        {From, {order, Name, Content}} ->
            case Records of
                #{Name := {Content, running, Waiting}} ->
                    ledger(Orders, Records#{Name := {Content, running, [From | Waiting]}});
                #{Name := {Content, Result}} ->
                    From ! {replay, Result},
                    ledger(Orders, Records);
                #{Name := _} ->
                    From ! mismatch,
                    ledger(Orders, Records);
                _ ->
                    From ! {run, Orders + 1},
                    ledger(Orders + 1, Records#{Name => {Content, running, []}})
            end;
        {done, Name, Result} ->
            #{Name := {Content, running, Waiting}} = Records,
            [Pid ! {replay, Result} || Pid <- Waiting],
            ledger(Orders, Records#{Name := {Content, Result}})
    end.

ask(Ledger, Question) ->
    Ledger ! {self(), Question},
    receive Answer -> Answer end.

serve(Caller, Ledger) ->
    inet:setopts(Caller, [{packet, http_bin}]),
    case gen_tcp:recv(Caller, 0) of
        {ok, {http_request, Method, {abs_path, Target}, _}} ->
            Headers = headers(Caller, []),
            inet:setopts(Caller, [{packet, raw}]),
            {Status, More, Body} = answer(Method, Target, Headers, Caller, Ledger),
            IsLast = lists:member(<<"close">>, values(<<"connection">>, Headers)) orelse Status =:= 411,
            Close = case IsLast of true -> [{"Connection", "close"}]; false -> [] end,
            respond(Caller, Status, More ++ Close, Body),
            case IsLast of true -> gen_tcp:close(Caller); false -> serve(Caller, Ledger) end;
        _ ->
            gen_tcp:close(Caller)
    end.

headers(Caller, Known) ->
    case gen_tcp:recv(Caller, 0) of
        {ok, {http_header, _, Name, _, Value}} when is_atom(Name) ->
            headers(Caller, [{string:lowercase(atom_to_binary(Name)), Value} | Known]);
        {ok, {http_header, _, Name, _, Value}} ->
            headers(Caller, [{string:lowercase(Name), Value} | Known]);
        {ok, http_eoh} ->
            Known;
        _ ->
            exit(normal)
    end.

values(Name, Headers) -> [string:trim(Value, both, " \t") || {Other, Value} <- Headers, Other =:= Name].

respond(Caller, Status, Headers, Body) ->
    Lines = [[Name, ": ", Value, "\r\n"] || {Name, Value} <- Headers],
    Length = integer_to_list(iolist_size(Body)),
    gen_tcp:send(Caller, ["HTTP/1.1 ", integer_to_list(Status), " -\r\n", Lines, "Content-Length: ", Length, "\r\n\r\n", Body]).

refused(Status, Title) ->
    {Status, [{"Content-Type", "application/problem+json"}, {"Retry-After", "1"}],
     ["{\"type\":\"https://example.com/keys\",\"title\":\"", Title, "\"}"]}.

%% Half a request is none: its process ends.
body(Caller, Headers) ->
    case values(<<"content-length">>, Headers) of
        [<<"0">>] -> <<>>;
        [Length] ->
            {ok, Body} = gen_tcp:recv(Caller, binary_to_integer(Length)),
            Body;
        [] -> <<>>
    end.

answer('GET', <<"/effects">>, _, _, Ledger) ->
    {count, Count} = ask(Ledger, count),
    {200, [], integer_to_list(Count)};
answer(Method, Target, Headers, Caller, Ledger) ->
    [Path | Query] = binary:split(Target, <<"?">>),
    case values(<<"transfer-encoding">>, Headers) of
        [] ->
            [gen_tcp:send(Caller, "HTTP/1.1 100 Continue\r\n\r\n") || _ <- values(<<"expect">>, Headers)],
            Body = body(Caller, Headers),
            case {Method, Path} of
                {'POST', <<"/orders">>} -> order(Query, Headers, Body, Ledger);
                _ -> refused(404, "nothing here")
            end;
        _ -> refused(411, "no length")
    end.

order(Query, Headers, Body, Ledger) ->
    Key = read_key(values(<<"idempotency-key">>, Headers)),
    IsJson = re:run(Body, "^\\s*\\{.*\\}\\s*$", [dotall]) =/= nomatch,
    case {values(<<"authorization">>, Headers), Key, IsJson} of
        {[], _, _} -> refused(401, "who are you?");
        {_, none, _} -> refused(400, "no key, or a broken one");
        {_, _, false} -> refused(400, "no JSON");
        {[Credential | _], _, true} ->
            [Account | _] = binary:split(Credential, <<" ">>),
            [Type | _] = binary:split(iolist_to_binary(values(<<"content-type">>, Headers)), <<";">>),
            Fields = lists:sort(binary:split(iolist_to_binary(Query), <<"&">>, [global])),
            Name = {Account, Key},
            case ask(Ledger, {order, Name, {Body, Type, Fields}}) of
                mismatch -> refused(422, "another request has this key");
                {replay, {Status, More, Text}} -> {Status, [{"Idempotent-Replayed", "true"} | More], Text};
                {run, Id} ->
                    timer:sleep(5),
                    Result = result(Id, Body),
                    Ledger ! {done, Name, Result},
                    Result
            end
    end.

result(Id, Body) ->
    case binary:match(Body, <<"\"fail\":true">>) of
        nomatch -> {201, [{"Content-Type", "application/json"}], ["{\"id\":", integer_to_list(Id), ",\"order\":", Body, "}"]};
        _ -> {500, [{"Content-Type", "text/plain"}], "failed"}
    end.

%% The key of a request; `none` for none, or a broken one.
read_key([Value]) ->
    Forms = ["^\"([\\x21\\x23-\\x7e]{1,255})\"( *; *[a-z]+(=[a-z0-9]+)?)*$", "^([\\x21\\x23-\\x2b\\x2d-\\x7e]{1,255})$"],
    Found = [Key || Form <- Forms, {match, [Key | _]} <- [re:run(Value, Form, [{capture, all_but_first, binary}])]],
    case Found of
        [Key | _] -> Key;
        [] -> none
    end;
read_key(_) -> none.
