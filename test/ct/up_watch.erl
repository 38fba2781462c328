%% Remembers which members its node has seen going down, by the events of nano_ring.
-module(up_watch).
-behaviour(gen_event).

-export([start/0, gone/0]).
-export([init/1, handle_event/2, handle_call/2]).

-spec start() -> ok.
start() ->
    ok = gen_event:add_handler('Elixir.NanoRing.Events', ?MODULE, []).

-spec gone() -> [node()].
gone() ->
    gen_event:call('Elixir.NanoRing.Events', ?MODULE, gone).

init([]) ->
    {ok, []}.

handle_event({new_up_set, #{map := Before}, #{map := Now}}, Gone) ->
    {ok, Gone ++ (maps:keys(Before) -- maps:keys(Now))};
handle_event(_Event, Gone) ->
    {ok, Gone}.

handle_call(gone, Gone) ->
    {ok, Gone, Gone}.
