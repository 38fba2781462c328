%% The owner of the program: starts it as a port, hands over what comes for it
%% (supervisorring_delivery), has its orders carried out (supervisorring_orders), and
%% replaces it when it dies.
%%
%% A life of the program is a generation. A program that is silent for a second is killed by
%% its operating system's pid. The first successor is started at once; after three lives of
%% less than a second they are spaced.
%%
%% The lease: without a program children run on for lease_ms, counted from the last sign
%% of life. Then they are stopped first, and only then gossip is no longer acknowledged, so
%% that no other member starts them earlier.
-module(supervisorring_port).
-behaviour(gen_server).

-include("supervisorring.hrl").

-export([start_link/0, leave/2, program/0]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(PROTOCOL, 1).
-define(TICK_MS, 200).
-define(SILENT_TICKS, 5).           % heartbeats come every 200 ms
-define(SILENT_TICKS_AT_START, 25). % loading the program and its workers

-record(state,
        {phase = down :: down | starting | attached | left,
         port :: port() | undefined,
         delivery = supervisorring_delivery:none(0) :: supervisorring_delivery:delivery(),
         os_pid :: non_neg_integer() | undefined,
         node :: node() | undefined,           % this node's name when the program attached
         generation = 0 :: non_neg_integer(),
         orders = supervisorring_orders:new(0) :: supervisorring_orders:orders(),
         silent = 0 :: non_neg_integer(),      % ticks
         started_at = 0 :: integer(),
         short_lives = 0 :: non_neg_integer(),
         ready = false :: boolean(),
         halted = none :: none | {refused, Why :: term()} | {halt, Status :: integer(), Why :: term()},
         sign_of_life :: integer(),            % of any generation
         lease = running :: running | ending | ended,
         why_none = starting :: term(),        % why there is no program
         leaving :: gen_server:from() | undefined}).

-type noreply() :: {noreply, #state{}} | {noreply, #state{}, 0 | 1}.

%% Starts the owner, and by it the program.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Has this member leave the ring, and for good (Forget) or until its next start.
-spec leave(Forget :: boolean(), timeout()) -> ok.
leave(Forget, Timeout) ->
    gen_server:call(?MODULE, {leave, Forget}, Timeout).

%% The program that runs now: its operating system's pid, which of its line it is, and
%% whether it does its work.
-spec program() -> #{os_pid := non_neg_integer() | undefined, generation := non_neg_integer(),
                     ready := boolean()}.
program() ->
    gen_server:call(?MODULE, program).

%% The process

-spec init([]) -> {ok, #state{}, {continue, start}}.
init([]) ->
    process_flag(trap_exit, true),
    process_flag(message_queue_data, off_heap),
    _ = process_flag(priority, high),
    _ = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]),
    erlang:send_after(?TICK_MS, self(), tick),
    %% An owner before this one may have left a program that is stopped.
    supervisorring_program:kill(supervisorring_estate:get(os_pid, undefined)),
    {ok, #state{generation = supervisorring_estate:get(generation, 0), sign_of_life = now_ms()},
     {continue, start}}.

-spec handle_continue(start, #state{}) -> noreply().
handle_continue(start, State) ->
    noreply(start_program(State)).

-spec handle_call(program | {leave, boolean()} | term(), gen_server:from(), #state{}) -> noreply().
handle_call(program, From, #state{os_pid = OsPid, generation = Generation, ready = Ready} = State) ->
    gen_server:reply(From, #{os_pid => OsPid, generation => Generation, ready => Ready}),
    noreply(State);
handle_call({leave, Forget}, From, #state{phase = attached, leaving = undefined} = State) ->
    noreply(tell({leave, Forget}, State#state{leaving = From}));
handle_call({leave, _Forget}, From, #state{phase = attached} = State) ->
    gen_server:reply(From, ok),
    noreply(State);
handle_call({leave, _Forget}, From, State) ->
    State1 = program_left(State),
    gen_server:reply(From, ok),
    noreply(State1);
handle_call(_Unknown, _From, State) ->
    noreply(State).

-spec handle_cast(term(), #state{}) -> noreply().
handle_cast(_Unknown, State) ->
    noreply(State).

-spec handle_info(term(), #state{}) -> noreply().
handle_info(timeout, State) ->
    {noreply, flush(State)};
handle_info(Message, State) ->
    noreply(handle(Message, State)).

%% What has gathered for the program is written when no message is left to handle, and before
%% its orders are carried out, which may take a while.
noreply(#state{delivery = Delivery} = State) ->
    case supervisorring_delivery:due(Delivery) of
        no -> {noreply, State};
        {within, Milliseconds} -> {noreply, State, Milliseconds};
        now -> noreply(flush(State))
    end.

handle({Port, {data, Frame}}, #state{port = Port} = State) ->
    handle_frame(Frame, flush(State#state{silent = 0, sign_of_life = now_ms()}));
handle({?ORDER, Message}, State) ->
    handle_order(Message, State);
handle({'DOWN', Monitor, process, Object, Reason}, #state{orders = Orders} = State) ->
    {Input, Orders1} = supervisorring_orders:down(Monitor, Object, Reason, Orders),
    tell(Input, State#state{orders = Orders1});
handle({called, Generation, Id, Result}, #state{orders = Orders} = State) ->
    {Wanted, Orders1} = supervisorring_orders:called(Generation, Id, Orders),
    tell(case Wanted of true -> {called, Id, Result}; false -> none end,
         State#state{orders = Orders1});
handle({nodeup, Node, _Info}, State) ->
    tell({nodeup, Node}, State);
handle({nodedown, Node, Info}, State) ->
    Why = proplists:get_value(nodedown_reason, Info, connection_closed),
    tell({nodedown, Node, text(Why)}, State);
handle({not_connected, Node, Why}, State) ->
    tell({nodedown, Node, Why}, State);
handle({lane_idle, Lane, Sent}, #state{orders = Orders} = State) ->
    State#state{orders = supervisorring_orders:lane_idle(Lane, Sent, Orders)};
handle(tick, State) ->
    erlang:send_after(?TICK_MS, self(), tick),
    check_lease(check_life(State));
handle(write_again, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:write_again(Delivery)};
handle(start, State) ->
    start_program(State);
handle({children_stopped, Count}, State) ->
    lease_ended(Count, State);
handle({Port, {exit_status, Status}}, #state{port = Port} = State) ->
    program_ended({exit_status, Status}, State);
handle({'EXIT', Port, Reason}, #state{port = Port} = State) ->
    program_ended(Reason, State);
handle(_Late, State) ->
    State.

-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{port = Port, os_pid = OsPid}) ->
    supervisorring_program:close(Port, OsPid).

%% Lives of the program

start_program(#state{phase = down, lease = ending} = State) ->
    State;
start_program(#state{phase = down, generation = Before, orders = Orders} = State) ->
    Generation = Before + 1,
    supervisorring_estate:set(generation, Generation),
    State1 = State#state{generation = Generation, started_at = now_ms(), silent = 0, ready = false,
                         delivery = supervisorring_delivery:none(Generation),
                         orders = supervisorring_orders:next_life(Generation, Orders)},
    case supervisorring_program:open() of
        {ok, Port, OsPid} ->
            supervisorring_estate:set(os_pid, OsPid),
            State1#state{phase = starting, port = Port, os_pid = OsPid, node = node(),
                         delivery = supervisorring_delivery:open(Port, Generation)};
        {error, Reason} ->
            program_ended(Reason, State1)
    end;
start_program(State) ->
    State.

program_ended(_Reason, #state{leaving = From} = State) when From =/= undefined ->
    program_left(State);
program_ended(_Reason, #state{halted = Halted} = State) when Halted =/= none ->
    program_ended(Halted, State#state{halted = none});
program_ended(Reason, #state{started_at = StartedAt} = State) ->
    supervisorring_program:close(State#state.port, undefined),
    Short = supervisorring_program:short_lives(Reason, now_ms() - StartedAt, State#state.short_lives),
    BackOff = supervisorring_program:back_off(Short),
    log(level(Reason, State), "the program ~ts; ~ts", [supervisorring_program:describe(Reason), supervisorring_program:announce(BackOff)]),
    %% Its orders are void from here on: also for calls and proxies.
    Orders = supervisorring_orders:next_life(State#state.generation, State#state.orders),
    State1 = State#state{phase = down, port = undefined, os_pid = undefined, ready = false,
                         delivery = supervisorring_delivery:closed(State#state.delivery),
                         short_lives = Short, why_none = Reason, orders = Orders},
    case BackOff of
        0 ->
            start_program(State1);
        _ ->
            erlang:send_after(BackOff, self(), start),
            refuse_fatal(State1),
            give_up_early(State1)
    end.

%% A request that each of so many short-lived programs had may be what they die of.
refuse_fatal(State) ->
    Lives = supervisorring_program:short_lives(),
    case supervisorring_estate:requests(Lives) of
        [] ->
            ok;
        Fatal ->
            [begin refuse(Seq, State), supervisorring_estate:drop_request(Seq) end || Seq <- Fatal],
            log(error, "~b requests are given up: ~b programs in a row died having them",
                [length(Fatal), Lives])
    end.

%% A file that is not there, or a refusal, is news once.
level({exit_status, _}, _State) -> error;
level(epipe, _State) -> error;
level(Reason, #state{why_none = Reason}) -> debug;
level(_Reason, _State) -> error.

program_left(#state{leaving = From} = State) ->
    From =:= undefined orelse gen_server:reply(From, ok),
    supervisorring_program:close(State#state.port, undefined),
    supervisorring_estate:set(acks, false),
    refuse_all(State#state{phase = left, port = undefined, leaving = undefined, ready = false,
                           delivery = supervisorring_delivery:closed(State#state.delivery),
                           lease = ended, why_none = left}).

kill(#state{os_pid = OsPid} = State) ->
    supervisorring_program:kill(OsPid),
    State.

check_life(#state{phase = Phase} = State) when Phase =:= down; Phase =:= left ->
    State;
check_life(#state{node = Node, phase = attached} = State) when Node =/= node() ->
    log(notice, "this node's name is ~ts now: the program is replaced", [node()]),
    kill(State#state{node = node()});
check_life(#state{silent = Silent, phase = Phase} = State) ->
    Limit = case Phase of starting -> ?SILENT_TICKS_AT_START; attached -> ?SILENT_TICKS end,
    case Silent + 1 of
        Limit ->
            log(error, "the program, pid ~b, has been silent for ~b ms: it is killed",
                [State#state.os_pid, Limit * ?TICK_MS]),
            kill(State#state{silent = Limit});
        Ticks when Ticks > 2 * Limit ->
            %% Not even its end is seen.
            program_ended(not_ended_by_kill, State);
        Ticks ->
            State#state{silent = Ticks}
    end.

%% The lease

check_lease(#state{lease = running, sign_of_life = Last} = State) ->
    case now_ms() - Last >= supervisorring_config:lease_ms() of
        true -> end_lease(State);
        false -> State
    end;
check_lease(State) ->
    State.

%% Where no program has been yet, one whose file is missing, or that refuses, does not come
%% within the lease either.
give_up_early(#state{why_none = Why, lease = running} = State) when element(1, Why) =/= exit_status ->
    case supervisorring_estate:get(acks, false) of
        false -> end_lease(State);
        true -> State
    end;
give_up_early(State) ->
    State.

end_lease(State) ->
    Owner = self(),
    spawn_link(fun() -> Owner ! {children_stopped, stop_children()} end),
    %% One that is silent must not come back to children that are gone.
    kill(State#state{lease = ending}).

stop_children() ->
    Count = length(supervisorring_estate:children()),
    [supervisorring_local:stop_children(Sup) || #{name := Sup} <- supervisorring_estate:supervisors()],
    Count.

lease_ended(Count, State) ->
    supervisorring_estate:set(acks, false),
    log(error, "no program for ~b ms: the lease has ended, ~b children were stopped, gossip is not "
        "acknowledged any more", [now_ms() - State#state.sign_of_life, Count]),
    State1 = refuse_all(State#state{lease = ended}),
    case State1#state.phase of
        down -> start_program(State1);
        _ -> State1
    end.

refuse_all(State) ->
    [refuse(Seq, State) || Seq <- supervisorring_estate:requests()],
    State.

%% What only this application waits for. Other callers have time-outs of their own, and are
%% answered by the program that comes.
refuse(Seq, #state{why_none = Why}) ->
    case supervisorring_estate:request(Seq) of
        {Tag, {request, ReqId, Function, Args}, _} ->
            ReqId ! {ReqId, {exit, {{no_program, Why}, {supervisorring, Function, Args}}}},
            supervisorring_estate:end_request(Tag);
        {_Tag, {supervisor, Sup}, _} ->
            _ = supervisorring_orders:perform({supervisor_refused, Sup, {no_program, Why}},
                                              supervisorring_orders:new(0)),
            ok;
        _ ->
            ok
    end.

%% What comes from the program

handle_frame(Frame, State) ->
    try binary_to_term(Frame) of
        Orders when is_list(Orders) ->
            lists:foldl(fun handle_program/2, State, Orders);
        Other ->
            not_ours(Other, State)
    catch
        error:badarg -> not_ours(Frame, State)
    end.

not_ours(What, State) ->
    log(error, "~ts is not the program that belongs here, it sends ~tP",
        [supervisorring_config:program(), What, 10]),
    kill(State).

handle_program({heartbeat}, State) ->
    State;
handle_program({attached, ?PROTOCOL, Version, OsPid}, #state{phase = starting} = State) ->
    log(debug, "program ~ts attached, pid ~b", [Version, OsPid]),
    State#state{phase = attached, delivery = supervisorring_delivery:attached(State#state.delivery)};
handle_program({attached, Protocol, Version, _OsPid}, State) ->
    log(error, "~ts speaks version ~p of the protocol (program ~ts), this application ~b",
        [supervisorring_config:program(), Protocol, Version, ?PROTOCOL]),
    kill(State);
handle_program({ready}, State) ->
    supervisorring_estate:set(acks, true),
    log(info, "the program, pid ~b, is ready after ~b ms",
        [State#state.os_pid, now_ms() - State#state.started_at]),
    State#state{ready = true, lease = running};
handle_program({acks, Acks}, State) ->
    supervisorring_estate:set(acks, Acks),
    State;
handle_program({refused, Text}, State) ->
    log(level({refused, Text}, State), "the program refuses to start: ~ts", [text(Text)]),
    State#state{halted = {refused, Text}};
handle_program({halt, 0, _Why}, State) ->
    program_left(State);
handle_program({halt, 7, Why}, State) ->
    log(notice, "this node has been removed from the ring and stops: ~ts", [text(Why)]),
    init:stop(),
    program_left(State);
handle_program({halt, Status, Why}, State) ->
    log(level({halt, Status, Why}, State), "the program gives up, status ~b: ~ts", [Status, text(Why)]),
    supervisorring_estate:set(acks, false),
    State#state{halted = {halt, Status, Why}};
handle_program(Order, #state{delivery = Delivery} = State)
  when element(1, Order) =:= start_child; element(1, Order) =:= start_proxy ->
    perform(Order, State#state{delivery = supervisorring_delivery:start_ordered(Delivery)});
handle_program(Order, State) ->
    perform(Order, State).

perform(Order, #state{orders = Orders} = State) ->
    try
        State#state{orders = supervisorring_orders:perform(Order, Orders)}
    catch
        Class:Reason:Stack ->
            log(error, "an order could not be carried out: ~tP~n~tp", [Order, 20, {Class, Reason, Stack}]),
            State
    end.

%% What comes for the program

handle_order({input, Input}, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:input(Input, Delivery)};
handle_order({report, Input}, State) ->
    tell(Input, State);
handle_order({request, Seq}, #state{lease = ended, phase = Phase} = State) when Phase =/= attached ->
    refuse(Seq, State),
    State;
handle_order({request, Seq}, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:request(Seq, Delivery)};
handle_order({started, Generation, Token, Input}, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:started(Generation, Token, Input, Delivery)};
handle_order({exited, Key, Pid}, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:exited(Key, Pid, Delivery)};
handle_order({end_native, Sup, Proxy}, #state{phase = attached, delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:input({end_native, Sup, Proxy}, Delivery)};
handle_order({end_native, _Sup, Proxy}, State) ->
    Proxy ! {?ORDER, {end_proxy, shutdown}},
    State;
handle_order(relay_started, #state{phase = attached} = State) ->
    log(notice, "a process that the program speaks by has been started again: the program is replaced", []),
    kill(State);
handle_order(_Unknown, State) ->
    State.

tell(Input, #state{delivery = Delivery} = State) ->
    State#state{delivery = supervisorring_delivery:tell(Input, Delivery)}.

flush(#state{delivery = Delivery} = State) ->
    case supervisorring_delivery:flush(Delivery) of
        {ok, Delivery1} ->
            State#state{delivery = Delivery1};
        {over, Bytes, Delivery1} ->
            log(error, "the program has left ~b bytes unread: it is killed", [Bytes]),
            kill(State#state{delivery = Delivery1})
    end.

%%

text(Text) when is_binary(Text) -> Text;
text(Term) -> unicode:characters_to_binary(io_lib:format("~tp", [Term])).

now_ms() ->
    erlang:monotonic_time(millisecond).

log(Level, Format, Args) ->
    logger:log(Level, "supervisorring: " ++ Format, Args, #{domain => [supervisorring]}).
