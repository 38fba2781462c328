%% Carries out what the program orders, for the owner of its port.
%%
%% Nothing here waits: what takes time is done by another process, whose answer comes to
%% the owner. What belongs to one life of the program (monitors, calls) ends with it.
-module(supervisorring_orders).

-include("supervisorring.hrl").

-export([new/1, next_life/2, perform/2, down/4, called/3, lane_idle/3]).

-record(orders, {generation :: non_neg_integer(),
                 monitors = #{} :: #{reference() => {Ref :: term(), Target :: term()}},
                 refs = #{} :: #{Ref :: term() => reference()},
                 calls = #{} :: #{Id :: term() => pid()},
                 lanes = supervisorring_lanes:new()}).
-opaque orders() :: #orders{}.
-export_type([orders/0]).

%% For the program of that generation.
-spec new(Generation :: non_neg_integer()) -> orders().
new(Generation) ->
    #orders{generation = Generation}.

%% The program is gone: its monitors and calls are, too, and its native children die.
-spec next_life(Generation :: pos_integer(), orders()) -> orders().
next_life(Generation, #orders{monitors = Monitors, calls = Calls, lanes = Lanes}) ->
    [erlang:demonitor(Monitor, [flush]) || Monitor <- maps:keys(Monitors)],
    [supervisorring_calls:forget(Pid) || Pid <- maps:values(Calls)],
    [kill_proxy(Child) || #child{kind = proxy} = Child <- supervisorring_estate:children()],
    supervisorring_gate:program_gone(),
    #orders{generation = Generation, lanes = Lanes}.

kill_proxy(#child{key = Key, keeper = Proxy}) ->
    is_pid(Proxy) andalso exit(Proxy, kill),
    supervisorring_estate:remove_child(Key).

%% Carries out one order.
-spec perform(Order :: tuple(), orders()) -> orders().
perform({send, To, Message}, Orders) ->
    send(To, Message, [], Orders);
perform({send_noconnect, To, Message}, Orders) ->
    send(To, Message, [noconnect], Orders);
perform({monitor, Ref, Target}, Orders) ->
    watch(Ref, Target, Orders);
perform({demonitor, Ref}, Orders) ->
    unwatch(Ref, Orders);
perform({link, Self, Pid}, Orders) ->
    Self ! {?ORDER, {link, Pid}},
    Orders;
perform({unlink, Self, Pid}, Orders) ->
    Self ! {?ORDER, {unlink, Pid}},
    Orders;
perform({exit_signal, none, To, Reason}, Orders) ->
    exit(To, Reason),
    Orders;
perform({exit_signal, Self, To, Reason}, Orders) ->
    Self ! {?ORDER, {exit_signal, To, Reason}},
    Orders;
perform({call, Id, To, Request, Timeout}, Orders) ->
    calling(Id, supervisorring_calls:call(self(), call_id(Id, Orders), To, Request, Timeout), Orders);
perform({erpc, Id, Node, Module, Function, Args, Timeout}, Orders) ->
    erpc(Id, Node, {Module, Function, Args}, Timeout, Orders);
perform({migrate, Id, Module, Child, Old, New, Timeout}, Orders) ->
    erpc(Id, node(), {Module, migrate, [Child, Old, New]}, Timeout, Orders);
perform({run, Id, Fun, Timeout, Tag, Key}, Orders) ->
    calling(Id, supervisorring_calls:run(self(), call_id(Id, Orders), Fun, Timeout, Tag, Key), Orders);
perform({cancel, Id}, Orders) ->
    cancel(Id, Orders);
perform({connect, Node}, Orders) ->
    connect(Node),
    Orders;
perform({keep, Key, Value}, Orders) ->
    supervisorring_estate:keep(Key, Value),
    Orders;
perform({unkeep, Key}, Orders) ->
    supervisorring_estate:unkeep(Key),
    Orders;
perform({ring, Up, Nodes, Format, Settled, NodeSet, UpSet}, Orders) ->
    Ring = #{up => Up, nodes => Nodes, format => Format, settled => Settled,
             node_set => NodeSet, up_set => UpSet},
    supervisorring_estate:set(ring, Ring),
    supervisorring_ring:put(Ring),
    Orders;
perform({owners, Sup, Owners}, Orders) ->
    supervisorring_ring:restrict(Sup, Owners),
    Orders;
perform({notify, nano_ring, {What, Before, Now}}, Orders) ->
    Event = {What, supervisorring_elixir:map_set(Before), supervisorring_elixir:map_set(Now)},
    gen_event:notify('Elixir.NanoRing.Events', Event),
    Orders;
perform({notify, supervisorring, Event}, Orders) ->
    gen_event:notify('Elixir.Supervisorring.Events', Event),
    Orders;
perform({start_child, Sup, Token, Id, Spec, Request, Place}, Orders) ->
    start(#child{key = {Sup, Id}, kind = keeper, spec = Spec, token = Token, request = Request,
                 seq = Place}, Orders);
perform({start_proxy, Sup, Token, Id, Name, Request, Place}, Orders) ->
    start(#child{key = {Sup, Id}, kind = proxy, spec = Name, token = Token, request = Request,
                 seq = Place}, Orders);
perform({exit_child, Sup, Pid, Reason}, Orders) ->
    exit_child(Sup, Pid, Reason, Orders);
perform({child_done, Sup, PidOrToken}, Orders) ->
    child_done(Sup, PidOrToken),
    Orders;
perform({end_proxy, Pid, Reason}, Orders) ->
    Pid ! {?ORDER, {end_proxy, Reason}},
    Orders;
perform({supervisor_up, Sup}, Orders) ->
    supervisorring_estate:update_supervisor(Sup, #{up => true}),
    supervisor_answered(Sup, up),
    Orders;
perform({supervisor_refused, Sup, Reason}, Orders) ->
    supervisor_answered(Sup, {refused, Reason}),
    Orders;
perform({supervisor_ended, Sup, Reason}, Orders) ->
    order(Sup, {ended, Reason}),
    Orders;
perform({supervisor_done, Sup, Reason}, Orders) ->
    supervisor_done(Sup, Reason),
    Orders;
perform({answer, ReqId, Answer}, Orders) ->
    ReqId ! {ReqId, Answer},
    supervisorring_estate:end_request(ReqId),
    Orders;
perform({log, Level, Text, Meta}, Orders) ->
    logger:log(Level, "~ts", [Text], Meta#{domain => [supervisorring]}),
    Orders;
perform(Unknown, Orders) ->
    logger:warning("supervisorring: the program orders what this application does not know: ~tP",
                   [Unknown, 15], #{domain => [supervisorring]}),
    Orders.

%% Sending. What is sent may be the answer that a request waits for.

send(To, Message, Options, #orders{lanes = Lanes} = Orders) ->
    answered(Message),
    try
        Orders#orders{lanes = supervisorring_lanes:send(To, Message, Options, Lanes)}
    catch
        error:_NoSuchName -> Orders
    end.

answered({'$gen_cast', {onnode, _Id, {_Pid, Ref}, _Fun}}) ->
    supervisorring_estate:end_request(Ref);
answered(Message) when is_tuple(Message), tuple_size(Message) >= 2 ->
    supervisorring_estate:end_request(element(1, Message));
answered(_Message) ->
    ok.

%% A lane has nothing left to send.
-spec lane_idle(pid(), non_neg_integer(), orders()) -> orders().
lane_idle(Lane, Sent, #orders{lanes = Lanes} = Orders) ->
    Orders#orders{lanes = supervisorring_lanes:idle(Lane, Sent, Lanes)}.

%% Monitors

watch(Ref, Target, #orders{monitors = Monitors, refs = Refs} = Orders) ->
    Monitor = erlang:monitor(process, Target),
    Orders#orders{monitors = Monitors#{Monitor => {Ref, Target}}, refs = Refs#{Ref => Monitor}}.

unwatch(Ref, #orders{monitors = Monitors, refs = Refs} = Orders) ->
    case maps:take(Ref, Refs) of
        {Monitor, Rest} ->
            erlang:demonitor(Monitor, [flush]),
            Orders#orders{monitors = maps:remove(Monitor, Monitors), refs = Rest};
        error ->
            Orders
    end.

%% A monitored process is gone: what the program is told, if it still wants to know.
-spec down(reference(), Object :: term(), Reason :: term(), orders()) ->
          {Input :: tuple() | none, orders()}.
down(Monitor, Object, Reason, #orders{monitors = Monitors, refs = Refs} = Orders) ->
    case maps:take(Monitor, Monitors) of
        {{Ref, _Target}, Rest} ->
            {{down, Ref, Object, Reason},
             Orders#orders{monitors = Rest, refs = maps:remove(Ref, Refs)}};
        error ->
            {none, Orders}
    end.

%% Calls

call_id(Id, #orders{generation = Generation}) ->
    {Generation, Id}.

calling(Id, Pid, #orders{calls = Calls} = Orders) ->
    Orders#orders{calls = Calls#{Id => Pid}}.

erpc(Id, Node, Function, Timeout, Orders) ->
    Pid = supervisorring_calls:erpc(self(), call_id(Id, Orders), Node, Function, Timeout),
    calling(Id, Pid, Orders).

cancel(Id, #orders{calls = Calls} = Orders) ->
    case maps:take(Id, Calls) of
        {Pid, Rest} ->
            supervisorring_calls:forget(Pid),
            Orders#orders{calls = Rest};
        error ->
            Orders
    end.

%% A call has been answered: whether the program waits for it.
-spec called(Generation :: pos_integer(), Id :: term(), orders()) -> {boolean(), orders()}.
called(Generation, Id, #orders{generation = Generation, calls = Calls} = Orders) ->
    {is_map_key(Id, Calls), Orders#orders{calls = maps:remove(Id, Calls)}};
called(_Older, _Id, Orders) ->
    {false, Orders}.

connect(Node) ->
    case lists:member(Node, nodes(connected)) of
        true -> supervisorring_inbox:report({nodeup, Node});
        false -> _ = supervisorring_calls:connect(self(), Node), ok
    end.

%% Children

start(#child{key = {Sup, _} = Key} = Ordered, #orders{generation = Generation} = Orders) ->
    Child = Ordered#child{generation = Generation},
    case supervisorring_estate:add_child(Child) orelse give_way(supervisorring_estate:child(Key), Child) of
        true -> order(Sup, {start, Key}) =:= ok orelse cannot_start(Child, Generation);
        false -> ok
    end,
    Orders.

%% A row of an earlier child of that name, whose end the program knows, gives way.
give_way(#child{state = running, pid = Pid}, Child) ->
    not_started({already_started, Pid}, Child);
give_way(#child{state = starting, token = Other}, #child{token = Token} = Child) when Other =/= Token ->
    not_started({already_started, undefined}, Child);
give_way(_Earlier, #child{key = Key} = Child) ->
    supervisorring_estate:remove_child(Key),
    supervisorring_estate:add_child(Child).

not_started(Reason, #child{key = Key, generation = Generation, token = Token}) ->
    supervisorring_inbox:child_started(Key, Generation, Token, {error, Reason}),
    false.

cannot_start(#child{key = Key, token = Token}, Generation) ->
    supervisorring_estate:remove_child(Key),
    supervisorring_inbox:child_started(Key, Generation, Token, {error, noproc}).

exit_child(Sup, Pid, Reason, #orders{generation = Generation} = Orders) ->
    case supervisorring_estate:child_of(Pid) of
        #child{state = running, pid = Pid, keeper = Keeper} ->
            supervisorring_keeper:exit_child(Keeper, Generation, Pid, Reason);
        #child{pid = Pid} ->
            ok;
        _ ->
            supervisorring_inbox:report({child_exited, Sup, Pid, noproc})
    end,
    Orders.

%% A child has ended, or a start has failed, and the program has taken note of it.
child_done(_Sup, Pid) when is_pid(Pid) ->
    case supervisorring_estate:child_of(Pid) of
        #child{key = Key, pid = Pid, state = {exited, _}} -> supervisorring_estate:remove_child(Key);
        _ -> ok
    end;
child_done(_Sup, Token) ->
    supervisorring_estate:remove_failed(Token).

supervisor_answered(Sup, Answer) ->
    supervisorring_estate:end_request({supervisor, Sup}),
    case supervisorring_estate:supervisor(Sup) of
        #{manager := Manager} -> Manager ! {?ORDER, Answer}, ok;
        undefined -> ok
    end.

%% By auto_shutdown: the supervisor's top process ends as if its parent had stopped it.
supervisor_done(Sup, Reason) ->
    case supervisorring_estate:supervisor(Sup) of
        #{global := Global} -> _ = spawn(fun() -> sys:terminate(Global, Reason, infinity) end), ok;
        undefined -> ok
    end.

%% The local supervisor's process; not whoever has its name now.
order(Sup, Order) ->
    case supervisorring_estate:supervisor(Sup) of
        #{local := Local} ->
            case is_process_alive(Local) of
                true -> Local ! {?ORDER, Order}, ok;
                false -> gone
            end;
        undefined ->
            gone
    end.
