%% A process with a registered name whose mind is the program: what it receives is handed
%% over, what the program orders it does.
%%
%% It answers system messages (sys) itself. Calls are kept until they are answered, so a
%% program that dies takes none with it. As 'Elixir.NanoRing' it acknowledges gossip at
%% once by itself, while the lease lasts: other members must not take this one for dead
%% while its program is being replaced.
-module(supervisorring_relay).

-include("supervisorring.hrl").

-export([start_link/1, start_manager/4]).
-export([init/1, init_manager/5, forward/1, carry_out/1]).
-export([system_continue/3, system_terminate/4, system_code_change/4, system_get_state/1]).

-type role() :: nano_ring | super_sup | peer | {manager, supervisorring:sup()}.
-export_type([role/0]).

-record(relay, {role :: role(), parent :: pid(), debug = [],
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
    loop(#relay{role = Role, parent = Parent}).

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
    loop(#relay{role = {manager, Sup}, parent = Parent}).

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

loop(#relay{parent = Parent, debug = Debug} = Relay) ->
    receive
        {system, From, Request} ->
            sys:handle_system_msg(Request, From, Parent, ?MODULE, Debug, Relay);
        {'EXIT', Parent, Reason} ->
            loop(stop(Relay, Reason));
        {'DOWN', Monitor, process, _, _} when Monitor =:= element(1, Relay#relay.leaving) ->
            exit(element(2, Relay#relay.leaving));
        {'EXIT', From, Reason} ->
            supervisorring_inbox:report({exit, self(), From, Reason}),
            loop(Relay);
        {?ORDER, Order} ->
            carry_out(Order),
            loop(Relay);
        Message ->
            Relay#relay.role =:= nano_ring andalso acknowledge(Message),
            forward(Message),
            loop(Relay)
    end.

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

acknowledge({'$gen_cast', {reconcile, _Ring, From, Ref}}) when is_pid(From) ->
    case supervisorring_estate:get(acks, false) of
        true -> _ = erlang:send(From, {Ref, is_up}, [noconnect, nosuspend]), ok;
        false -> ok
    end;
acknowledge(_Message) ->
    ok.

%% Hands a message to the program. What somebody waits for is kept until it is answered;
%% gossip is not, since it comes again.
-spec forward(Message :: term()) -> ok.
forward({'$gen_call', {_, Tag}, _} = Message) ->
    supervisorring_inbox:request_message(Tag, {message, self(), Message});
forward({'$gen_cast', {onnode, _Id, {_, Ref}, _Fun}} = Message) ->
    supervisorring_inbox:request_message(Ref, {message, self(), Message});
forward({'$gen_cast', {get_handler, _Id, {_, Ref}}} = Message) ->
    supervisorring_inbox:request_message(Ref, {message, self(), Message});
forward({'$gen_cast', {reconcile, _, _, _}} = Message) ->
    supervisorring_inbox:report({message, self(), Message});
forward({_, is_up} = Message) ->
    supervisorring_inbox:report({message, self(), Message});
forward(Message) ->
    supervisorring_inbox:input({message, self(), Message}).

%% What every process with the program's mind does for it.
-spec carry_out(Order :: term()) -> ok.
carry_out({link, Pid}) ->
    %% Linking to what is gone raises where exits are not trapped; here they are.
    true = link(Pid),
    ok;
carry_out({unlink, Pid}) ->
    true = unlink(Pid),
    ok;
carry_out({exit_signal, Pid, Reason}) ->
    true = exit(Pid, Reason),
    ok;
carry_out(_Late) ->
    ok.

%% System messages

-spec system_continue(pid(), [sys:dbg_opt()], #relay{}) -> no_return().
system_continue(_Parent, Debug, Relay) ->
    loop(Relay#relay{debug = Debug}).

-spec system_terminate(term(), pid(), [sys:dbg_opt()], #relay{}) -> no_return().
system_terminate(Reason, _Parent, _Debug, _Relay) ->
    exit(Reason).

-spec system_code_change(#relay{}, module(), term(), term()) -> {ok, #relay{}}.
system_code_change(Relay, _Module, _OldVsn, _Extra) ->
    {ok, Relay}.

%% What the original's process of that name shows.
-spec system_get_state(#relay{}) -> {ok, term()}.
system_get_state(#relay{role = nano_ring}) ->
    #{node_set := NodeSet, up_set := UpSet} =
        supervisorring_estate:get(ring, #{node_set => none, up_set => none}),
    {ok, #{'__struct__' => 'Elixir.NanoRing', node_set => NodeSet, up_set => UpSet}};
system_get_state(#relay{role = {manager, Sup}}) ->
    #{module := Module, specs := Specs} = supervisorring_estate:definition(Sup),
    {ok, #{'__struct__' => 'Elixir.Supervisorring.GlobalSup.ChildManager.State',
           sup_ref => Sup, child_specs => Specs, callback => Module, ring => nil}};
system_get_state(#relay{role = Role}) ->
    {ok, Role}.
