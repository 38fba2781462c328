%% Calls and casts to a child by {Sup, Id}, wherever it runs.
%%
%% A request goes to the child's process with a ticket of its member's gate (supervisorring_gate),
%% which counts open calls and holds back what comes while the child moves, so that a move neither
%% ends a call nor loses what it did. Of a member without a gate (a C++ node, a legacy member) the
%% process is called as it is found; a C++ child's old copy passes on what it gets while it moves.
%%
%% A call is sent again only when the copy it found was gone before the request reached it (noproc;
%% {shutdown, {moved, New}}, of one that moved). A child that moves, starts or is restarted is
%% waited for.
%%
%% noproc: there is no such child: its owner does not know it, or it has been terminated or has
%% ended for good.
-module(supervisorring_call).

-export([call/4, cast/3, place/2]).

-define(FIRST_PAUSE_MS, 10).
-define(LAST_PAUSE_MS, 200).
%% A child that is named, and neither runs nor waits for anything, may be about to be placed.
-define(NO_SIGN_OF_LIFE_MS, 2000).
%% For how long a cast waits for a child that does not run; of it, in the caller's process.
-define(CAST_TIMEOUT_MS, 30000).
-define(CAST_IN_CALLER_MS, 5000).
%% Two gates may each name the other for the moment that a message takes.
-define(HOPS_AT_ONCE, 3).

%% Where requests for a child go: the gate of a member, a process, or nowhere yet. `unknown': to
%% the process, if its member does not say more about itself.
-type place() :: {gate, node()} | {pid, pid()} | {unknown, pid()} | undefined.
-export_type([place/0]).

-record(request,
        {sup :: supervisorring:sup(), id :: supervisorring:id(), what :: {call | cast | late, term()},
         until :: infinity | integer(),
         pause = ?FIRST_PAUSE_MS :: pos_integer(),
         hops = 0 :: non_neg_integer(),
         since = none :: none | integer(),                      % a member has said nothing about itself since then
         idle = unknown :: unknown | integer()}).               % since when the child shows no sign of life

-spec call(supervisorring:sup(), supervisorring:id(), Request :: term(), timeout()) -> Reply :: term().
call(Sup, Id, Request, Timeout) ->
    try
        attempt(#request{sup = Sup, id = Id, what = {call, Request}, until = until(Timeout)})
    catch
        exit:{Reason, {Module, _, _}} when Module =:= gen_server; Module =:= supervisorring ->
            exit({Reason, {supervisorring, call, [Sup, Id, Request, Timeout]}})
    end.

%% Returns when the cast is in the child's mailbox, or in the queue of a gate. Where there is none
%% for a child that does not run, a process of its own waits for it.
-spec cast(supervisorring:sup(), supervisorring:id(), Request :: term()) -> ok.
cast(Sup, Id, Request) ->
    Cast = #request{sup = Sup, id = Id, what = {cast, Request}, until = until(?CAST_IN_CALLER_MS)},
    try
        attempt(Cast)
    catch
        exit:{too_many_waiting_calls, _} ->
            logger:warning("supervisorring: a cast to ~tP of ~tp is dropped: too many wait for it",
                           [Id, 10, Sup], #{domain => [supervisorring]});
        exit:{noproc, {supervisorring, _, _}} ->
            ok;
        exit:_NotNow ->
            _ = spawn(fun() -> catch attempt(Cast#request{until = until(?CAST_TIMEOUT_MS), what = {late, Request}}) end),
            ok
    end.

%% On a member: for its clients, too.
-spec place(supervisorring:sup(), supervisorring:id()) -> place().
place(Sup, Id) ->
    case supervisorring:find(Sup, Id) =:= node() andalso supervisorring_tickets:running({Sup, Id}) of
        Pid when is_pid(Pid) -> {gate, node()};
        _ -> place_of(supervisorring_member:request(whereis, [Sup, Id]))
    end.

place_of(undefined) ->
    undefined;
place_of(Pid) ->
    case supervisorring_gate:is_at(node(Pid)) of
        true -> {gate, node(Pid)};
        false -> {pid, Pid};
        unknown -> {unknown, Pid}
    end.

attempt(#request{sup = Sup, id = Id} = Request) ->
    case is_member() andalso supervisorring:find(Sup, Id) of
        false ->
            go(supervisorring_client:ask(place, [Sup, Id]), Request);
        Owner when Owner =:= node() ->
            at_home(Request);
        Owner ->
            case supervisorring_gate:is_at(Owner) of
                true -> go({gate, Owner}, Request);
                _ -> go(place(Sup, Id), Request)
            end
    end.

at_home(#request{sup = Sup, id = Id} = Request) ->
    Key = {Sup, Id},
    case supervisorring_tickets:enter(Key) of
        {ok, Pid, Ticket} -> to_process(Pid, Request, fun() -> supervisorring_tickets:leave(Key, Ticket) end);
        shut -> go({gate, node()}, Request);
        none -> look(Request)
    end.

go({gate, Node}, #request{sup = Sup, id = Id, what = {call, _}} = Request) ->
    Gate = {supervisorring_gate, Node},
    Ticket = make_ref(),
    Leave = fun() -> gen_server:cast(Gate, {leave, {Sup, Id}, Ticket}) end,
    try gen_server:call(Gate, {enter, {Sup, Id}, Ticket}, left(Request)) of
        {go, Pid} -> to_process(Pid, Request, Leave);
        Other -> sent_on(Other, Request)
    catch
        exit:{timeout, {gen_server, call, [Gate | _]} = Where} -> Leave(), exit({timeout, Where});
        exit:{_GateIsGone, {gen_server, call, [Gate | _]}} -> again(Request)
    end;
go({gate, Node}, #request{sup = Sup, id = Id, what = {_, Message}} = Request) ->
    Gate = {supervisorring_gate, Node},
    try gen_server:call(Gate, {cast, {Sup, Id}, Message, now}, left(Request)) of
        ok -> ok;
        Other -> sent_on(Other, Request)
    catch
        exit:{noproc, {gen_server, call, [Gate | _]}} -> again(Request);
        %% It may have arrived.
        exit:{_Reason, {gen_server, call, [Gate | _]}} -> ok
    end;
go({pid, Pid}, Request) ->
    to_process(Pid, Request, fun() -> ok end);
go({unknown, _Pid}, #request{since = none} = Request) ->
    again(Request#request{since = now_ms()});
go({unknown, Pid}, #request{since = Since} = Request) ->
    case now_ms() - Since > ?NO_SIGN_OF_LIFE_MS of
        true -> go({pid, Pid}, Request);
        false -> again(Request)
    end;
go(undefined, #request{what = {cast, Message}, sup = Sup, id = Id} = Request) ->
    wait_at_owner(is_member() andalso supervisorring:find(Sup, Id), Message, Request);
go(undefined, Request) ->
    not_running(Request).

%% What a gate answered.
sent_on({at, Node}, #request{hops = Hops} = Request) when Hops < ?HOPS_AT_ONCE ->
    go({gate, Node}, Request#request{hops = Hops + 1});
sent_on({at, _Node}, Request) ->
    again(Request#request{hops = 0, pause = ?FIRST_PAUSE_MS});
sent_on({pid, Pid}, Request) ->
    go({pid, Pid}, Request);
sent_on(none, Request) ->
    look(Request);
sent_on(again, Request) ->
    again(Request);
sent_on(full, _Request) ->
    exit({too_many_waiting_calls, {supervisorring, call, []}}).

%% It does not run at its owner: it may run elsewhere.
look(#request{sup = Sup, id = Id} = Request) ->
    case is_member() of
        true -> go(place(Sup, Id), Request);
        false -> not_running(Request)
    end.

%% To a member that has left since it was looked for nothing is sent: the child has moved.
to_process(Pid, Request, Leave) ->
    case is_connected(node(Pid)) of
        true -> send_to(Pid, Request, Leave);
        false -> Leave(), again(Request)
    end.

is_connected(Node) ->
    Node =:= node() orelse lists:member(Node, nodes(connected)) orelse net_kernel:connect_node(Node) =:= true.

send_to(Pid, #request{what = {call, Message}} = Request, Leave) ->
    try
        gen_server:call(Pid, Message, left(Request))
    of
        Reply -> Leave(), Reply
    catch
        exit:{{shutdown, {moved, _New}}, {gen_server, call, [Pid | _]}} -> Leave(), again(Request);
        exit:{noproc, {gen_server, call, [Pid | _]}} -> Leave(), again(Request);
        Class:Reason:Stack -> Leave(), erlang:raise(Class, Reason, Stack)
    end;
send_to(Pid, #request{what = {_, Message}}, Leave) ->
    gen_server:cast(Pid, Message),
    Leave(),
    ok.

%% A cast to a child that does not run waits at its owner, behind those that wait there.
wait_at_owner(false, _Message, _Request) ->
    exit(not_now);
wait_at_owner(Owner, Message, #request{sup = Sup, id = Id} = Request) ->
    Expected = is_expected(Request),
    case supervisorring_gate:is_at(Owner) of
        true when Expected =/= no ->
            try gen_server:call({supervisorring_gate, Owner}, {cast, {Sup, Id}, Message, wait}, left(Request)) of
                ok -> ok;
                Other -> sent_on(Other, Request)
            catch
                exit:{noproc, _} -> exit(not_now);
                %% It may have arrived.
                exit:{_Reason, {gen_server, call, _}} -> ok
            end;
        true ->
            ok;
        _ ->
            exit(not_now)
    end.

not_running(Request) ->
    case is_expected(Request) of
        no -> exit({noproc, {supervisorring, call, []}});
        Idle -> again(Request#request{idle = Idle})
    end.

again(#request{pause = Pause} = Request) ->
    case left(Request) of
        0 ->
            exit({timeout, {supervisorring, call, []}});
        Left ->
            timer:sleep(min(Pause, Left)),
            attempt(Request#request{pause = min(2 * Pause, ?LAST_PAUSE_MS)})
    end.

%% What the owner says of a child that does not run. An owner that cannot be asked may be on its
%% way out of the ring.
is_expected(#request{sup = Sup, id = Id, idle = Idle}) ->
    Owner = supervisorring:find(Sup, Id),
    try erpc:call(Owner, supervisorring, explain, [Sup, Id], 5000) of
        #{here := terminated, doing := <<>>} -> no;
        #{named := false, here := none, doing := <<>>} -> no;
        #{here := none, doing := <<>>} -> idle(Idle);
        _ -> unknown
    catch
        _:_ -> unknown
    end.

idle(unknown) ->
    now_ms();
idle(Since) ->
    case now_ms() - Since > ?NO_SIGN_OF_LIFE_MS of
        true -> no;
        false -> Since
    end.

is_member() ->
    whereis(supervisorring_estate) =/= undefined.

until(infinity) -> infinity;
until(Timeout) -> now_ms() + Timeout.

left(#request{until = infinity}) -> infinity;
left(#request{until = Until}) -> max(0, Until - now_ms()).

now_ms() ->
    erlang:monotonic_time(millisecond).
