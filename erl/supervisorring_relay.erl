%% A process with a registered name whose mind is the program (supervisorring_process): what
%% it receives is handed over.
%%
%% Calls are kept until they are answered, so a program that dies takes none with it. Gossip, and as supervisorring_peer the digests that stand for it,
%% it acknowledges at once by itself, while the lease lasts: other members must not take this one for dead
%% while its program is being replaced.
-module(supervisorring_relay).
-behaviour(supervisorring_process).

-include("supervisorring.hrl").

-export([start_link/1, start_manager/4]).
-export([init/1, init_manager/5]).
-export([handle/2, finish/2, shown/1]).

-type role() :: nano_ring | super_sup | peer | {manager, supervisorring:sup()}.
-export_type([role/0]).

-record(relay, {role :: role(), parent :: pid(),
                leaving = none :: none | {Monitor :: reference(), Reason :: term()}}).

%% Handing children over takes milliseconds where all are well; the child manager is given a
%% little more by its supervisor.
-define(LEAVE_TIMEOUT_MS, 10000).

%% Starts a relay of the application itself.
-spec start_link(nano_ring | super_sup | peer) -> {ok, pid()} | {error, term()}.
start_link(Role) ->
    proc_lib:start_link(?MODULE, init, [{Role, self()}]).

%% The registered name of a role.
name(nano_ring) -> 'Elixir.NanoRing';
name(super_sup) -> 'Elixir.Supervisorring.App.Sup.SuperSup';
name(peer) -> supervisorring_peer.

%% Starts the child manager of a supervisor; answers when the program has taken it on.
-spec start_manager(supervisorring:sup(), module(), term(), {Flags :: term(), Specs :: [term()]}) ->
          {ok, pid()} | {error, term()}.
start_manager(Sup, Module, Args, Definition) ->
    proc_lib:start_link(?MODULE, init_manager, [self(), Sup, Module, Args, Definition]).

%% Runs in the relay's process.
-spec init({nano_ring | super_sup | peer, pid()}) -> no_return().
init({Role, Parent}) ->
    process_flag(trap_exit, true),
    _ = process_flag(priority, high),
    true = register(name(Role), self()),
    supervisorring_inbox:relay_started(),
    ok = proc_lib:init_ack({ok, self()}),
    supervisorring_process:enter(?MODULE, Parent, #relay{role = Role, parent = Parent}).

%% Runs in the relay's process.
-spec init_manager(pid(), supervisorring:sup(), module(), term(), {term(), [term()]}) ->
          no_return().
init_manager(Parent, Sup, Module, Args, {Flags, Specs}) ->
    process_flag(trap_exit, true),
    take_name(supervisorring_global:manager_name(Sup)),
    case supervisorring_estate:supervisor(Sup) of
        #{global := Parent, up := true} ->
            Pids = #{local => whereis(Sup), manager => self()},
            supervisorring_estate:update_supervisor(Sup, Pids),
            supervisorring_inbox:report({supervisor_restarted, Sup, whereis(Sup), self()});
        _ ->
            ok = supervisorring_estate:add_supervisor(
                   Sup,
                   #{name => Sup, global => Parent, local => whereis(Sup), manager => self(),
                     up => false},
                   #{module => Module, args => Args, flags => Flags, specs => Specs}),
            supervisorring_inbox:request_supervisor(Sup),
            await_program(Parent)
    end,
    ok = proc_lib:init_ack({ok, self()}),
    supervisorring_process:enter(?MODULE, Parent, #relay{role = {manager, Sup}, parent = Parent}).

take_name(Name) ->
    try register(Name, self())
    catch
        error:badarg ->
            proc_lib:init_ack({error, {already_started, whereis(Name)}}),
            exit(normal)
    end.

%% A supervisor that the program does not take on does not start.
await_program(Parent) ->
    receive
        {?ORDER, up} ->
            ok;
        {?ORDER, {refused, Reason}} ->
            proc_lib:init_ack({error, Reason}),
            exit(normal);
        {'EXIT', Parent, Reason} ->
            exit(Reason)
    end.

-spec handle(Message :: term(), #relay{}) -> #relay{}.
handle({'EXIT', Parent, Reason}, #relay{parent = Parent} = Relay) ->
    stop(Relay, Reason);
handle({'EXIT', From, Reason}, Relay) ->
    supervisorring_inbox:report({exit, self(), From, Reason}),
    Relay;
handle({'DOWN', Monitor, process, _, _}, #relay{leaving = {Monitor, Reason}}) ->
    exit(Reason);
handle({?ORDER, _Late}, Relay) ->
    Relay;
handle(Message, #relay{role = Role} = Relay) ->
    acknowledge(Role, Message),
    supervisorring_process:forward(Message),
    Relay.

%% The child manager is the first of its supervisor's tree to be stopped. When that is because
%% the whole system stops, this member leaves now, while its children run and can be handed
%% over with their state; later they would be gone.
stop(#relay{role = {manager, _Sup}} = Relay, Reason) ->
    case init:get_status() of
        {stopping, _} ->
            {_, Monitor} = spawn_monitor(fun() -> supervisorring_port:leave(false, ?LEAVE_TIMEOUT_MS) end),
            Relay#relay{leaving = {Monitor, Reason}};
        _ ->
            exit(Reason)
    end;
stop(_Relay, Reason) ->
    exit(Reason).

acknowledge(nano_ring, {'$gen_cast', {reconcile, _Ring, From, Ref}}) when is_pid(From) ->
    send_ack(From, Ref);
acknowledge(peer, {supervisorring_peer, _Peer, {digest, _Digest, From, Ref}}) when is_pid(From) ->
    send_ack(From, Ref);
acknowledge(_Role, _Message) ->
    ok.

send_ack(From, Ref) ->
    case supervisorring_estate:get(acks, false) of
        true -> _ = erlang:send(From, {Ref, is_up}, [noconnect, nosuspend]), ok;
        false -> ok
    end.

-spec finish(Reason :: term(), #relay{}) -> no_return().
finish(Reason, _Relay) ->
    exit(Reason).

%% What the original's process of that name shows.
-spec shown(#relay{}) -> term().
shown(#relay{role = nano_ring}) ->
    #{node_set := NodeSet, up_set := UpSet} =
        supervisorring_estate:get(ring, #{node_set => none, up_set => none}),
    #{'__struct__' => 'Elixir.NanoRing', node_set => NodeSet, up_set => UpSet};
shown(#relay{role = {manager, Sup}}) ->
    #{module := Module, specs := Specs} = supervisorring_estate:definition(Sup),
    #{'__struct__' => 'Elixir.Supervisorring.GlobalSup.ChildManager.State',
      sup_ref => Sup, child_specs => Specs, callback => Module, ring => nil};
shown(#relay{role = Role}) ->
    Role.
