%% Calls that the program has made for it: each in a process of its own, so that nobody
%% waits for an answer. The answer comes to the owner as {called, Generation, Id, Result}.
-module(supervisorring_calls).

-export([call/5, erpc/5, run/6, connect/2, forget/1]).
-export([run_once/4]).

%% For how long a function waits for a child that moves.
-define(WAIT_FOR_MOVE_MS, 30000).
-define(PAUSE_MS, 10).

-type id() :: {Generation :: pos_integer(), Id :: term()}.
-export_type([id/0]).

%% gen_server:call/3 of To.
-spec call(pid(), id(), supervisorring_lanes:destination(), term(), timeout()) -> pid().
call(Owner, Id, To, Request, Timeout) ->
    answering(Owner, Id, fun() -> gen_call(To, Request, Timeout) end).

gen_call(To, Request, Timeout) ->
    try gen_server:call(To, Request, Timeout) of
        Answer -> {ok, Answer}
    catch
        exit:{{nodedown, _Node}, _} -> {error, noconnection};
        exit:{Reason, {gen_server, call, _}} -> {error, Reason};
        exit:Reason -> {error, Reason}
    end.

%% M:F(A...) at a node, this one too.
-spec erpc(pid(), id(), node(), {module(), atom(), [term()]}, timeout()) -> pid().
erpc(Owner, Id, Node, {Module, Function, Args}, Timeout) ->
    answering(Owner, Id, fun() ->
        outcome(fun() -> erpc:call(Node, Module, Function, Args, Timeout) end)
    end).

outcome(Call) ->
    try Call() of
        Value -> {ok, Value}
    catch
        throw:Thrown -> {error, {throw, Thrown}};
        error:{exception, Reason, Stack} -> {error, {exception, Reason, Stack}};
        error:{erpc, Why} -> {error, {erpc, Why}};
        exit:{exception, Reason} -> {error, {exit, Reason}};
        exit:{signal, Reason} -> {error, {exit, Reason}};
        Class:Reason -> {error, {Class, Reason}}
    end.

%% Fun() in a process of its own on this node, for the child Key, which stays while it runs. A Fun that
%% has been run under the same tag, or is being run, is not run again: its result is the answer.
-spec run(pid(), id(), fun(() -> term()), timeout(), Tag :: term() | none, supervisorring_tickets:key()) -> pid().
run(Owner, Id, Fun, Timeout, none, Key) ->
    answering(Owner, Id, fun() -> with_child(Key, Fun, Timeout, until(?WAIT_FOR_MOVE_MS)) end);
run(Owner, Id, Fun, Timeout, Tag, Key) ->
    case supervisorring_estate:get({run, Tag}, none) of
        none ->
            Runner = spawn(?MODULE, run_once, [Fun, Timeout, Tag, Key]),
            supervisorring_estate:set({run, Tag}, {running, Runner}),
            answering(Owner, Id, fun() -> await(Runner, Tag) end);
        {running, Runner} ->
            answering(Owner, Id, fun() -> await(Runner, Tag) end);
        {done, Result} ->
            answering(Owner, Id, fun() -> Result end)
    end.

%% Runs in the process of the function: not before somebody waits for it.
-spec run_once(fun(() -> term()), timeout(), Tag :: term(), supervisorring_tickets:key()) -> no_return().
run_once(Fun, Timeout, Tag, Key) ->
    receive go -> ok end,
    Result = with_child(Key, Fun, Timeout, until(?WAIT_FOR_MOVE_MS)),
    exit({done, supervisorring_estate:finish_run(Tag, Result)}).

%% With a ticket, as a call. A child that is moving is waited for: one that has gone takes the
%% function along.
with_child({Sup, Id} = Key, Fun, Timeout, Until) ->
    case supervisorring_tickets:enter(Key) of
        {ok, _Pid, Ticket} ->
            Result = run_here(Fun, Timeout),
            supervisorring_tickets:leave(Key, Ticket),
            Result;
        none ->
            run_here(Fun, Timeout);
        shut ->
            Late = erlang:monotonic_time(millisecond) >= Until,
            case supervisorring_ring:owner(Sup, Id) of
                Other when Other =/= node(), Other =/= undecided ->
                    outcome(fun() -> supervisorring:exec(Sup, Id, Fun, Timeout, 1) end);
                _ when Late ->
                    run_here(Fun, Timeout);
                _ ->
                    timer:sleep(?PAUSE_MS),
                    with_child(Key, Fun, Timeout, Until)
            end
    end.

run_here(Fun, Timeout) ->
    outcome(fun() -> erpc:call(node(), Fun, Timeout) end).

until(Milliseconds) ->
    erlang:monotonic_time(millisecond) + Milliseconds.

await(Runner, Tag) ->
    Monitor = erlang:monitor(process, Runner),
    Runner ! go,
    receive
        {'DOWN', Monitor, process, Runner, {done, Result}} -> Result;
        {'DOWN', Monitor, process, Runner, Reason} ->
            case supervisorring_estate:get({run, Tag}, none) of
                {done, Result} -> Result;
                _ -> {error, {exit, Reason}}
            end
    end.

%% Connects to a node. Success shows as nodeup; the owner hears of a failure only.
-spec connect(pid(), node()) -> pid().
connect(Owner, Node) ->
    spawn(fun() ->
              case net_kernel:connect_node(Node) of
                  true -> ok;
                  Failed -> Owner ! {not_connected, Node, why_not(Failed)}
              end
          end).

why_not(false) -> <<"it cannot be reached">>;
why_not(ignored) -> <<"this node is not distributed">>.

%% No answer is wanted any more.
-spec forget(pid()) -> ok.
forget(Pid) ->
    true = exit(Pid, kill),
    ok.

answering(Owner, {Generation, Id}, Fun) ->
    spawn(fun() -> Owner ! {called, Generation, Id, Fun()} end).
