%% Checks, when it starts, what the release holds, and that it runs as a ring of one; then ends the VM.
-module(rebar_user).
-behaviour(application).
-behaviour(supervisorring).

-export([start/2, stop/1, init/1]).

start(_Type, _Args) ->
    Program = filename:join(code:priv_dir(supervisorring), "ringnode"),
    "ringnode" ++ _ = os:cmd("'" ++ Program ++ "' --version"),
    b = 'Elixir.ConsistentHash':node_for_key('Elixir.ConsistentHash':ring_for_nodes([b]), x),
    {ok, Sup} = supervisorring:start_link({local, user_sup}, ?MODULE, []),
    Node = node(),
    Node = supervisorring:find(user_sup, child),
    ok = answer(500),
    [Node] = 'Elixir.LWWElemSet':to_list('Elixir.NanoRing':up()),
    true = filelib:is_regular("ring_of_rebar_user/ring"),
    io:format("supervisorring works~n"),
    init:stop(),
    {ok, Sup}.

stop(_State) ->
    ok.

init([]) ->
    {ok, {{one_for_one, 2, 3},
          [{child, {gen_event, start_link, [{local, child}]}, permanent, 2000, worker, dynamic}]}}.

%% The child is started a moment after the supervisor.
answer(Tries) ->
    try
        [] = gen_event:which_handlers({via, supervisorring, {user_sup, child}}),
        ok
    catch
        exit:_ when Tries > 0 ->
            timer:sleep(10),
            answer(Tries - 1)
    end.
