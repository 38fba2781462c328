%% Holds back calls and casts to a child while it moves, so that none is lost.
%%
%% One process on each member beside a BEAM. A caller by {Sup, Id} has a ticket while its call is
%% open (supervisorring_tickets). The program of the member that gives a child away has this
%% done, by the functions of supervisorring_move:
%%
%%   prepare   the new owner's gate is told that the child is arriving: from then on it sends
%%             callers here, whatever runs there
%%   carry     the child is shut here: what comes is held, in order; when the open calls are
%%             answered, or their time is out, migrate/3 runs. Where that fails, what was held
%%             goes to the old copy
%%   moved     what was held goes to the new owner's gate, casts in one message before anything
%%             else gets to the new copy; whoever comes later is sent there
%%   ended     the old copy is gone, or the move was given up
%%
%% Without its program the move is interrupted: the old copy goes on, callers are still sent here
%% by the new owner, and the program's successor begins it again. A new owner that does not hear of
%% this gate any more takes the child for its own.
%%
%% Casts to a child that does not run wait here until it does, at its owner. A cast that has been
%% answered is in the child's mailbox or in the queue of one gate, so the order of one caller's
%% casts is kept. Every queue is bounded, in number and in time.
-module(supervisorring_gate).
-behaviour(gen_server).

-export([start_link/0, is_at/1, started/1, program_gone/0, supervisor_gone/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-type key() :: supervisorring_tickets:key().
-type ticket() :: supervisorring_tickets:ticket().
-type item() :: {enter, gen_server:from(), ticket(), Monitor :: reference()}
              | {cast, Request :: term(), Until :: integer()}.

%% Of a child that is shut, or about to move.
-record(shut,
        {to = none :: none | {node(), reference()},                 % prepared: the new owner, the move
         going = true :: boolean(),                                 % false: its program has gone
         from = none :: none | {node(), reference(), Monitor :: reference()}, % arriving
         hold = none :: none | {draining, gen_server:from(), #{ticket() => []}, Timer :: reference()}
                      | held | {moved, {at, node()} | {pid, pid()}},
         migrate = none :: none | pid(),
         queue = queue:new() :: queue:queue(item()),
         length = 0 :: non_neg_integer()}).

-record(state,
        {shut = #{} :: #{key() => #shut{}},
         queued = 0 :: non_neg_integer(),                            % in all queues
         monitors = #{} :: #{reference() => {ticket, key(), ticket()} | {queued, key(), ticket()} | {source, key()}},
         watched = #{} :: #{ticket() => reference()},
         seen = #{} :: #{ticket() => []},                            % open at the last sweep
         arrived = [] :: [reference()]}).                            % moves that ended here, the last ones

-define(MAX_QUEUE, 10000).            % of one child
-define(MAX_QUEUED, 200000).          % of all
-define(MAX_ARRIVED, 1000).
-define(SWEEP_MS, 1000).
-define(CAST_TIMEOUT_MS, 30000).      % for how long a cast waits for a child that does not run
-define(INTERRUPTED_MS, 30000).       % a move without its program, until it begins again
-define(ARRIVING_MS, 180000).         % more than any move takes

%% Starts the gate of this member.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Whether that member has a gate, as it announced. `unknown': it has not said yet.
-spec is_at(node()) -> boolean() | unknown.
is_at(Node) when Node =:= node() -> true;
is_at(Node) -> supervisorring_estate:get({kept, {gate, Node}}, unknown).

%% A child runs here from now on.
-spec started(key()) -> ok.
started(Key) ->
    case ets:whereis(supervisorring_tickets_shut) of
        undefined -> ok;
        _ -> supervisorring_tickets:is_shut(Key) andalso gen_server:cast(?MODULE, {started, Key}), ok
    end.

%% The program has ended: nobody goes on with the moves.
-spec program_gone() -> ok.
program_gone() ->
    gen_server:cast(?MODULE, program_gone).

%% The children of a supervisor are gone, or start anew.
-spec supervisor_gone(supervisorring:sup()) -> ok.
supervisor_gone(Sup) ->
    gen_server:cast(?MODULE, {supervisor_gone, Sup}).

%% The process

-spec init([]) -> {ok, #state{}}.
init([]) ->
    process_flag(message_queue_data, off_heap),
    supervisorring_tickets:new(),
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {ok, #state{}}.

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}} | {noreply, #state{}}.
handle_call({enter, Key, Ticket}, {Caller, _} = From, State) ->
    case way(Key, State) of
        {go, Pid} -> supervisorring_tickets:add(Ticket, Caller, Key), {reply, {go, Pid}, State};
        hold -> {noreply, add({enter, From, Ticket, none}, Key, State)};
        Other -> {reply, Other, State}
    end;
handle_call({cast, Key, Request, Where}, _From, State) ->
    case way(Key, State) of
        {go, Pid} -> gen_server:cast(Pid, Request), {reply, ok, State};
        {pid, Pid} -> gen_server:cast(Pid, Request), {reply, ok, State};
        hold -> {reply, ok, add({cast, Request, now_ms() + ?CAST_TIMEOUT_MS}, Key, State)};
        none when Where =:= wait, State#state.queued < ?MAX_QUEUED ->
            %% It may have begun to run just now.
            {reply, ok, drain_if_running(Key, add({cast, Request, now_ms() + ?CAST_TIMEOUT_MS}, Key, State))};
        Other -> {reply, Other, State}
    end;
handle_call({prepare, Key, Target, Ref}, _From, State) ->
    Begun = case shut(Key, State) of
                #shut{to = {Target, _}} -> again;
                _ -> ok
            end,
    case not_moved(forget_target(Key, Target, shut(Key, State))) of
        #shut{from = {Source, _, _}} = Shut -> {reply, {arriving_from, Source}, set(Key, Shut, State)};
        Shut when Target =:= none -> {reply, Begun, set(Key, Shut, State)};
        Shut -> {reply, Begun, set(Key, Shut#shut{to = {Target, Ref}, going = true}, State)}
    end;
handle_call({hold, Key, Timeout}, From, State) ->
    {noreply, hold(Key, Timeout, From, State)};
handle_call({migrating, Key, Pid}, _From, State) ->
    case shut(Key, State) of
        #shut{hold = held} = Shut -> {reply, ok, set(Key, Shut#shut{migrate = Pid}, State)};
        _Interrupted -> exit(Pid, kill), {reply, ok, State}
    end;
handle_call({unhold, Key}, _From, State) ->
    {reply, ok, unhold(Key, State)};
handle_call({moved, Key, New}, _From, State) ->
    {reply, ok, moved_away(Key, New, State)};
handle_call({ended, Key}, _From, State) ->
    {reply, ok, move_ended(Key, State)};
handle_call({arriving, Key, Source, Ref}, _From, State) ->
    {reply, ok, arriving(Key, Source, Ref, State)};
handle_call({arrived, Key, Ref, Casts}, _From, State) ->
    {reply, ok, has_arrived(Key, Ref, Casts, State)};
handle_call(_Unknown, _From, State) ->
    {noreply, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({leave, Key, Ticket}, State) ->
    supervisorring_tickets:remove(Ticket),
    {noreply, left(Key, Ticket, unwatch(Ticket, State))};
handle_cast({started, Key}, State) ->
    {noreply, drain_if_open(Key, State)};
handle_cast({arriving_not, Key, Ref}, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{from = {_, Ref, _}}} -> {noreply, source_gone(Key, State)};
        _ -> {noreply, State}
    end;
handle_cast(program_gone, #state{shut = All} = State) ->
    {noreply, lists:foldl(fun interrupt/2, State, maps:keys(All))};
handle_cast({supervisor_gone, Sup}, #state{shut = All} = State) ->
    Keys = [Key || {Of, _} = Key <- maps:keys(All), Of =:= Sup],
    {noreply, lists:foldl(fun(Key, Acc) -> move_ended(Key, interrupt(Key, Acc)) end, State, Keys)};
handle_cast(_Unknown, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({'DOWN', Monitor, process, _, _}, #state{monitors = Monitors} = State) ->
    case maps:take(Monitor, Monitors) of
        {{ticket, Key, Ticket}, Rest} ->
            supervisorring_tickets:remove(Ticket),
            {noreply, left(Key, Ticket, State#state{monitors = Rest, watched = maps:remove(Ticket, State#state.watched)})};
        {{queued, Key, Ticket}, Rest} ->
            {noreply, unqueue(Key, Ticket, State#state{monitors = Rest})};
        {{source, Key}, Rest} ->
            {noreply, source_gone(Key, State#state{monitors = Rest})};
        error ->
            {noreply, State}
    end;
handle_info({not_drained, Key, From}, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{hold = {draining, From, _, _}} = Shut} -> {noreply, held(Key, Shut, From, State)};
        _ -> {noreply, State}
    end;
handle_info({not_begun_again, Key, Ref}, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{to = {_, Ref}, hold = none}} -> {noreply, move_ended(Key, State)};
        _ -> {noreply, State}
    end;
handle_info({not_arrived, Key, Ref}, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{from = {_, Ref, _}}} -> {noreply, source_gone(Key, State)};
        _ -> {noreply, State}
    end;
handle_info(sweep, State) ->
    erlang:send_after(?SWEEP_MS, self(), sweep),
    {noreply, sweep_tickets(sweep_queues(sweep_moves(State)))};
handle_info(_Late, State) ->
    {noreply, State}.

%% Where what comes for a child goes.
way(Key, #state{shut = All, queued = Queued}) ->
    case All of
        #{Key := #shut{hold = {moved, Where}}} -> Where;
        #{Key := #shut{hold = Hold, length = Length}} when Hold =/= none; Length > 0 ->
            case Length < ?MAX_QUEUE andalso Queued < ?MAX_QUEUED of
                true -> hold;
                false -> full
            end;
        #{Key := #shut{from = {Source, _, _}}} -> {at, Source};
        _ ->
            case supervisorring_tickets:running(Key) of
                undefined -> none;
                Pid -> {go, Pid}
            end
    end.

%% What there is of a child

shut(Key, #state{shut = All}) ->
    maps:get(Key, All, #shut{}).

%% Shut from the first reason to the last one.
set(Key, #shut{to = none, from = none, hold = none, length = 0}, #state{shut = All} = State) ->
    supervisorring_tickets:reopen(Key),
    State#state{shut = maps:remove(Key, All)};
set(Key, #shut{from = none, hold = none, length = 0} = Shut, #state{shut = All} = State) ->
    supervisorring_tickets:reopen(Key),
    State#state{shut = All#{Key => Shut}};
set(Key, Shut, #state{shut = All} = State) ->
    supervisorring_tickets:shut(Key),
    State#state{shut = All#{Key => Shut}}.

add({enter, {Caller, _} = From, Ticket, none}, Key, #state{monitors = Monitors} = State) ->
    Monitor = erlang:monitor(process, Caller),
    append({enter, From, Ticket, Monitor}, Key, State#state{monitors = Monitors#{Monitor => {queued, Key, Ticket}}});
add(Cast, Key, State) ->
    append(Cast, Key, State).

append(Item, Key, #state{queued = Queued} = State) ->
    #shut{queue = Queue, length = Length} = Shut = shut(Key, State),
    set(Key, Shut#shut{queue = queue:in(Item, Queue), length = Length + 1}, State#state{queued = Queued + 1}).

%% The items, taken out; the callers among them are not watched any more.
take_queue(Key, #state{queued = Queued, monitors = Monitors, shut = All} = State) ->
    #shut{queue = Queue, length = Length} = Shut = shut(Key, State),
    Items = queue:to_list(Queue),
    Watching = [Monitor || {enter, _, _, Monitor} <- Items],
    [erlang:demonitor(Monitor, [flush]) || Monitor <- Watching],
    {Items, State#state{queued = Queued - Length, monitors = maps:without(Watching, Monitors),
                        shut = All#{Key => Shut#shut{queue = queue:new(), length = 0}}}}.

unqueue(Key, Ticket, #state{shut = All, queued = Queued} = State) ->
    case All of
        #{Key := #shut{queue = Queue, length = Length} = Shut} when Length > 0 ->
            Kept = queue:filter(fun({enter, _, Of, _}) -> Of =/= Ticket; (_) -> true end, Queue),
            Left = queue:len(Kept),
            set(Key, Shut#shut{queue = Kept, length = Left}, State#state{queued = Queued - Length + Left});
        _ ->
            State
    end.

%% This member gives the child away

hold(Key, Timeout, From, State) ->
    Shut = shut(Key, State),
    supervisorring_tickets:shut(Key),
    Open = supervisorring_tickets:of_child(Key),
    State1 = lists:foldl(fun({Ticket, Caller}, Acc) -> watch(Ticket, Caller, Key, Acc) end, State, Open),
    case Open of
        [] ->
            held(Key, Shut, From, State1);
        _ ->
            Timer = erlang:send_after(Timeout, self(), {not_drained, Key, From}),
            Waiting = maps:from_keys([Ticket || {Ticket, _} <- Open], []),
            set(Key, Shut#shut{hold = {draining, From, Waiting, Timer}}, State1)
    end.

held(Key, Shut, From, State) ->
    gen_server:reply(From, ok),
    set(Key, Shut#shut{hold = held}, State).

left(Key, Ticket, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{hold = {draining, From, Waiting, Timer}} = Shut} ->
            case maps:remove(Ticket, Waiting) of
                None when map_size(None) =:= 0 ->
                    _ = erlang:cancel_timer(Timer),
                    held(Key, Shut, From, State);
                Rest when map_size(Rest) < map_size(Waiting) ->
                    set(Key, Shut#shut{hold = {draining, From, Rest, Timer}}, State);
                Waiting ->
                    unqueue(Key, Ticket, State)
            end;
        #{Key := #shut{length = Length}} when Length > 0 ->
            unqueue(Key, Ticket, State);
        _ ->
            State
    end.

%% The old copy goes on.
unhold(Key, State) ->
    drain(Key, set(Key, (shut(Key, State))#shut{hold = none, migrate = none}, State)).

moved_away(Key, New, State) ->
    {Items, State1} = take_queue(Key, State),
    Shut = shut(Key, State1),
    Casts = [Request || {cast, Request, _} <- Items],
    Where = case Shut#shut.to of
                {Target, Ref} -> _ = spawn(fun() -> supervisorring_move:tell_arrived(Target, Key, Ref, Casts) end), {at, Target};
                none -> [gen_server:cast(New, Request) || Request <- Casts], {pid, New}
            end,
    [gen_server:reply(From, Where) || {enter, From, _, _} <- Items],
    set(Key, Shut#shut{hold = {moved, Where}, migrate = none}, State1).

move_ended(Key, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{hold = {moved, _}} = Shut} ->
            set(Key, Shut#shut{to = none, hold = none}, State);
        #{Key := Shut} ->
            unhold(Key, set(Key, forget_target(Key, none, Shut), State));
        _ ->
            State
    end.

%% The member that was to have it before.
forget_target(_Key, Target, #shut{to = {Target, _}} = Shut) ->
    Shut;
forget_target(Key, _Other, #shut{to = {Target, Ref}} = Shut) ->
    gen_server:cast({?MODULE, Target}, {arriving_not, Key, Ref}),
    Shut#shut{to = none};
forget_target(_Key, _Target, Shut) ->
    Shut.

%% Nobody goes on with it. One that has moved is on its way out here.
interrupt(Key, State) ->
    case shut(Key, State) of
        #shut{hold = {moved, _}} = Shut ->
            set(Key, Shut#shut{going = false}, State);
        #shut{to = To, hold = Hold, migrate = Migrate} = Shut when To =/= none; Hold =/= none ->
            is_pid(Migrate) andalso exit(Migrate, kill),
            case Hold of
                {draining, From, _, _} -> gen_server:reply(From, interrupted);
                _ -> ok
            end,
            _ = case To of
                    {_, Ref} -> erlang:send_after(?INTERRUPTED_MS, self(), {not_begun_again, Key, Ref});
                    none -> none
                end,
            unhold(Key, set(Key, Shut#shut{going = false}, State));
        _ ->
            State
    end.

%% The old copy has ended without the program: the new owner's is the only one.
sweep_interrupted(Key, State) ->
    case {shut(Key, State), supervisorring_tickets:running(Key)} of
        {#shut{hold = {moved, _}}, undefined} ->
            move_ended(Key, State);
        {#shut{to = {Target, Ref}, hold = none} = Shut, undefined} ->
            _ = spawn(fun() -> supervisorring_move:tell_arrived(Target, Key, Ref, []) end),
            set(Key, Shut#shut{to = none}, State);
        _ ->
            State
    end.

%% This member gets the child

arriving(Key, Source, Ref, State) ->
    {Shut, State1} = forget_source(not_moved(shut(Key, State)), State),
    Monitor = erlang:monitor(process, {?MODULE, Source}),
    erlang:send_after(?ARRIVING_MS, self(), {not_arrived, Key, Ref}),
    #state{monitors = Monitors} = State1,
    set(Key, Shut#shut{from = {Source, Ref, Monitor}}, State1#state{monitors = Monitors#{Monitor => {source, Key}}}).

forget_source(#shut{from = {_, _, Monitor}} = Shut, #state{monitors = Monitors} = State) ->
    erlang:demonitor(Monitor, [flush]),
    {Shut#shut{from = none}, State#state{monitors = maps:remove(Monitor, Monitors)}};
forget_source(Shut, State) ->
    {Shut, State}.

%% It does not move any more, or nobody knows.
source_gone(Key, State) ->
    {Shut, State1} = forget_source(shut(Key, State), State),
    drain_if_open(Key, set(Key, Shut, State1)).

%% What was held at the old owner comes before what is held here.
has_arrived(Key, Ref, Casts, #state{arrived = Arrived} = State) ->
    case lists:member(Ref, Arrived) of
        true ->
            State;
        false ->
            State1 = State#state{arrived = lists:sublist([Ref | Arrived], ?MAX_ARRIVED)},
            #shut{queue = Queue, length = Length} = Shut = shut(Key, State1),
            Until = now_ms() + ?CAST_TIMEOUT_MS,
            First = queue:from_list([{cast, Request, Until} || Request <- Casts]),
            Count = length(Casts),
            source_gone(Key, set(Key, Shut#shut{queue = queue:join(First, Queue), length = Length + Count},
                                 State1#state{queued = State1#state.queued + Count}))
    end.

%% What is left of an earlier move, which its program did not end.
not_moved(#shut{hold = {moved, _}} = Shut) -> Shut#shut{to = none, hold = none};
not_moved(Shut) -> Shut.

%% What was held goes to the copy that runs here

drain_if_open(Key, #state{shut = All} = State) ->
    case All of
        #{Key := #shut{from = none, hold = none}} -> drain(Key, State);
        _ -> State
    end.

drain_if_running(Key, State) ->
    case supervisorring_tickets:running(Key) of
        undefined -> State;
        _ -> drain_if_open(Key, State)
    end.

drain(Key, State) ->
    case supervisorring_tickets:running(Key) of
        undefined ->
            let_callers_look(Key, State);
        Pid ->
            {Items, State1} = take_queue(Key, State),
            [deliver(Item, Key, Pid) || Item <- Items],
            set(Key, shut(Key, State1), State1)
    end.

deliver({cast, Request, _}, _Key, Pid) ->
    gen_server:cast(Pid, Request);
deliver({enter, {Caller, _} = From, Ticket, _}, Key, Pid) ->
    supervisorring_tickets:add(Ticket, Caller, Key),
    gen_server:reply(From, {go, Pid}).

%% It does not run here: casts wait, callers look for themselves.
let_callers_look(Key, State) ->
    {Items, State1} = take_queue(Key, State),
    [gen_server:reply(From, again) || {enter, From, _, _} <- Items],
    Casts = [Item || {cast, _, _} = Item <- Items],
    lists:foldl(fun(Cast, Acc) -> append(Cast, Key, Acc) end, set(Key, shut(Key, State1), State1), Casts).

%% Sweeping

%% Callers that have had their tickets for a while may have been killed.
sweep_tickets(#state{seen = Seen} = State) ->
    All = supervisorring_tickets:all(),
    Watched = lists:foldl(fun({Ticket, Caller, Key}, Acc) when is_map_key(Ticket, Seen) -> watch(Ticket, Caller, Key, Acc);
                             (_, Acc) -> Acc
                          end, State, All),
    Watched#state{seen = maps:from_keys([Ticket || {Ticket, _, _} <- All], [])}.

watch(Ticket, Caller, Key, #state{watched = Watched, monitors = Monitors} = State) ->
    case Watched of
        #{Ticket := Monitor} when is_map_key(Monitor, Monitors) ->
            %% A caller of this node may be at another child by now.
            State#state{monitors = Monitors#{Monitor := {ticket, Key, Ticket}}};
        _ ->
            Monitor = erlang:monitor(process, Caller),
            State#state{watched = Watched#{Ticket => Monitor}, monitors = Monitors#{Monitor => {ticket, Key, Ticket}}}
    end.

unwatch(Ticket, #state{watched = Watched, monitors = Monitors} = State) ->
    case maps:take(Ticket, Watched) of
        {Monitor, Rest} ->
            erlang:demonitor(Monitor, [flush]),
            State#state{watched = Rest, monitors = maps:remove(Monitor, Monitors)};
        error ->
            State
    end.

sweep_moves(#state{shut = All} = State) ->
    lists:foldl(fun sweep_interrupted/2, State, [Key || {Key, #shut{going = false}} <- maps:to_list(All)]).

%% Casts that wait for a child that does not run here.
sweep_queues(#state{shut = All} = State) ->
    Waiting = [Key || {Key, #shut{from = none, hold = none, length = Length}} <- maps:to_list(All), Length > 0],
    lists:foldl(fun sweep_queue/2, State, Waiting).

sweep_queue({Sup, Id} = Key, State) ->
    Now = now_ms(),
    {Items, State1} = take_queue(Key, drain(Key, State)),
    {Late, Rest} = lists:partition(fun({cast, _, Until}) -> Until =< Now; (_) -> false end, Items),
    Late =:= [] orelse
        logger:warning("supervisorring: ~b casts to ~tP of ~tp are dropped: it has not run for ~b s",
                       [length(Late), Id, 10, Sup, ?CAST_TIMEOUT_MS div 1000], #{domain => [supervisorring]}),
    case Rest =/= [] andalso is_elsewhere(Sup, Id) of
        true ->
            _ = spawn(fun() -> [supervisorring_call:cast(Sup, Id, Request) || {cast, Request, _} <- Rest] end),
            [gen_server:reply(From, again) || {enter, From, _, _} <- Rest],
            set(Key, shut(Key, State1), State1);
        false ->
            lists:foldl(fun(Item, Acc) -> put_back(Item, Key, Acc) end, set(Key, shut(Key, State1), State1), Rest)
    end.

put_back({enter, From, Ticket, _}, Key, State) -> add({enter, From, Ticket, none}, Key, State);
put_back(Cast, Key, State) -> append(Cast, Key, State).

is_elsewhere(Sup, Id) ->
    case supervisorring_ring:owner(Sup, Id) of
        undecided -> false;
        Owner -> Owner =/= node()
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
