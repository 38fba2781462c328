%% The process of a native child, a C++ object of the program, on this BEAM.
%%
%% It has the child's name and pid; what it receives goes to the program, what the program
%% orders it does, and it ends with the child's reason. Nothing is kept: the child dies with
%% its program, and so does this process, as `killed'.
-module(supervisorring_proxy).

-include("supervisorring.hrl").

-export([start_link/2, init/3]).
-export([system_continue/3, system_terminate/4, system_code_change/4, system_get_state/1]).

-record(proxy, {key :: supervisorring_estate:key(), parent :: pid(), debug = [],
                ending = none :: none | reference()}). % the program's owner is watched

%% Starts the proxy of a child whose row is in the estate; called by its supervisor.
-spec start_link(supervisorring_estate:child(), pid()) -> pid().
start_link(#child{key = Key, spec = Name, token = Token, generation = Generation}, Parent) ->
    proc_lib:spawn_link(?MODULE, init, [{Key, Generation, Token}, Parent, Name]).

%% Runs in the proxy's process.
-spec init({supervisorring_estate:key(), pos_integer(), integer()}, pid(), atom() | []) ->
          ok | no_return().
init({{Sup, _} = Key, Generation, Token}, Parent, Name) ->
    receive {?ORDER, go} -> ok end,
    process_flag(trap_exit, true),
    case named(Name) of
        ok ->
            supervisorring_estate:started(Key, self(), self()),
            supervisorring_inbox:started(Generation, Token, {proxy_started, Sup, Token, {ok, self()}}),
            loop(#proxy{key = Key, parent = Parent});
        {error, _} = Error ->
            supervisorring_estate:remove_child(Key),
            supervisorring_inbox:started(Generation, Token, {proxy_started, Sup, Token, Error})
    end.

named([]) ->
    ok;
named(Name) ->
    try register(Name, self()) of
        true -> ok
    catch
        error:badarg -> {error, {already_registered, whereis(Name)}}
    end.

loop(#proxy{parent = Parent, debug = Debug} = Proxy) ->
    receive
        {system, From, Request} ->
            sys:handle_system_msg(Request, From, Parent, ?MODULE, Debug, Proxy);
        {?ORDER, {end_proxy, Reason}} ->
            finish(Proxy, Reason);
        {?ORDER, {stop, _Spec}} ->
            stop(Proxy);
        {'DOWN', Ending, process, _, _} when Ending =:= Proxy#proxy.ending ->
            finish(Proxy, shutdown);
        {?ORDER, Order} ->
            supervisorring_relay:carry_out(Order),
            loop(Proxy);
        {'EXIT', Parent, Reason} when Reason =/= normal ->
            finish(Proxy, Reason);
        {'EXIT', From, Reason} ->
            supervisorring_inbox:report({exit, self(), From, Reason}),
            loop(Proxy);
        Message ->
            supervisorring_inbox:report({message, self(), Message}),
            loop(Proxy)
    end.

%% Its supervisor's tree stops: the program has the child end as its specification says, and then this process. Without a
%% program there is no child; one that dies meanwhile takes this process along.
stop(#proxy{key = {Sup, _}} = Proxy) ->
    case supervisorring_inbox:end_native(Sup) of
        none -> finish(Proxy, shutdown);
        Monitor -> loop(Proxy#proxy{ending = Monitor})
    end.

%% Its supervisor takes any end but `normal' of a keeper for news.
finish(#proxy{key = Key, parent = Parent}, Reason) ->
    supervisorring_estate:remove_child(Key),
    unlink(Parent),
    exit(Reason).

%% System messages

-spec system_continue(pid(), [sys:dbg_opt()], #proxy{}) -> no_return().
system_continue(_Parent, Debug, Proxy) ->
    loop(Proxy#proxy{debug = Debug}).

-spec system_terminate(term(), pid(), [sys:dbg_opt()], #proxy{}) -> no_return().
system_terminate(Reason, _Parent, _Debug, Proxy) ->
    finish(Proxy, Reason).

-spec system_code_change(#proxy{}, module(), term(), term()) -> {ok, #proxy{}}.
system_code_change(Proxy, _Module, _OldVsn, _Extra) ->
    {ok, Proxy}.

-spec system_get_state(#proxy{}) -> {ok, term()}.
system_get_state(#proxy{key = {_Sup, Id}}) ->
    {ok, {native_child, Id}}.
