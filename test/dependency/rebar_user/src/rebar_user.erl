%% Checks, when it starts, what the release holds, and ends the VM.
-module(rebar_user).
-behaviour(application).
-behaviour(supervisorring).

-export([start/2, stop/1, init/1]).

start(_Type, _Args) ->
    Program = filename:join(code:priv_dir(supervisorring), "ringnode"),
    "ringnode" ++ _ = os:cmd("'" ++ Program ++ "' --version"),
    b = 'Elixir.ConsistentHash':node_for_key('Elixir.ConsistentHash':ring_for_nodes([b]), x),
    io:format("supervisorring works~n"),
    init:stop(),
    {ok, self()}.

stop(_State) ->
    ok.

init([]) ->
    {ok, {{one_for_one, 2, 3}, []}}.
