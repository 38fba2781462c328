%% The process of a native child, a C++ object of the program, on this BEAM.
%%
%% It has the child's name and pid; what it receives goes to the program, what the program
%% orders it does (supervisorring_process), and it ends with the child's reason. Nothing is kept: the child dies with
%% its program, and so does this process, as `killed'.
-module(supervisorring_proxy).
-behaviour(supervisorring_process).

-include("supervisorring.hrl").

-export([start_link/2, init/3]).
-export([handle/2, finish/2, shown/1]).

-record(proxy, {key :: supervisorring_estate:key(), parent :: pid(),
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
            supervisorring_estate:started(Key, self()),
            supervisorring_inbox:started(Generation, Token, {proxy_started, Sup, Token, {ok, self()}}),
            supervisorring_process:enter(?MODULE, Parent, #proxy{key = Key, parent = Parent});
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

-spec handle(Message :: term(), #proxy{}) -> #proxy{}.
handle({?ORDER, {end_proxy, Reason}}, Proxy) ->
    finish(Reason, Proxy);
handle({?ORDER, {stop, _Spec}}, Proxy) ->
    stop(Proxy);
handle({'DOWN', Ending, process, _, _}, #proxy{ending = Ending} = Proxy) ->
    finish(shutdown, Proxy);
handle({?ORDER, _Late}, Proxy) ->
    Proxy;
handle({'EXIT', Parent, Reason}, #proxy{parent = Parent} = Proxy) when Reason =/= normal ->
    finish(Reason, Proxy);
handle({'EXIT', From, Reason}, Proxy) ->
    supervisorring_inbox:report({exit, self(), From, Reason}),
    Proxy;
handle(Message, Proxy) ->
    supervisorring_inbox:report({message, self(), Message}),
    Proxy.

%% Its supervisor's tree stops: the program has the child end as its specification says, and then this process. Without a
%% program there is no child; one that dies meanwhile takes this process along.
stop(#proxy{key = {Sup, _}} = Proxy) ->
    case supervisorring_inbox:end_native(Sup) of
        none -> finish(shutdown, Proxy);
        Monitor -> Proxy#proxy{ending = Monitor}
    end.

%% Its supervisor takes any end but `normal' of a keeper for news.
-spec finish(Reason :: term(), #proxy{}) -> no_return().
finish(Reason, #proxy{key = Key, parent = Parent}) ->
    supervisorring_estate:remove_child(Key),
    unlink(Parent),
    exit(Reason).

-spec shown(#proxy{}) -> term().
shown(#proxy{key = {_Sup, Id}}) ->
    {native_child, Id}.
