%% What comes for the program, and how it reaches the one that runs now.
%%
%% Each life of the program begins with `attach', which tells it all that its predecessor
%% left (supervisorring_attach). What comes before it has answered waits in the estate and
%% is handed over then, with all that nobody has answered yet. What a start that its
%% predecessor ordered has come to is told it once.
%%
%% A value of the port's owner (supervisorring_port), which flushes it.
-module(supervisorring_delivery).

-include("supervisorring.hrl").

-export([none/1, open/2, attached/1, closed/1]).
-export([input/2, tell/2, request/2, start_ordered/1, started/4, exited/3]).
-export([due/1, flush/1, write_again/1]).

-record(delivery, {phase = none :: none | starting | attached,
                   port :: port() | undefined,
                   generation :: non_neg_integer(),
                   inherited = [] :: [Token :: integer()], % starts that the predecessor ordered
                   starting = 0 :: integer(), % that the program ordered and has not heard of
                   urgent = false :: boolean(), % something else than a start has gathered
                   writer = supervisorring_writer:new() :: supervisorring_writer:writer()}).
%% So many starts under way keep the program busy.
-define(MANY_STARTS, 32).

-opaque delivery() :: #delivery{}.
-export_type([delivery/0]).

%% There is no program; the last one was of that generation.
-spec none(Generation :: non_neg_integer()) -> delivery().
none(Generation) ->
    #delivery{generation = Generation}.

%% A program of that generation has been started: it is told what there is.
-spec open(port(), Generation :: pos_integer()) -> delivery().
open(Port, Generation) ->
    {Attach, Inherited} = supervisorring_attach:input(Generation),
    write(Attach, #delivery{phase = starting, port = Port, generation = Generation, inherited = Inherited}).

%% It has answered: what waits for an answer, or has come since it was told what there is. Ends
%% of children between the two are in their rows.
-spec attached(delivery()) -> delivery().
attached(Delivery) ->
    Exited = [Child || #child{kind = keeper, state = {exited, _}} = Child <- supervisorring_estate:children()],
    Delivery1 = lists:foldl(fun write_exit/2, Delivery#delivery{phase = attached}, Exited),
    lists:foldl(fun write_request/2, Delivery1, supervisorring_estate:requests()).

%% The program is gone.
-spec closed(delivery()) -> delivery().
closed(#delivery{generation = Generation}) ->
    none(Generation).

%% What a program has to get, this one or a successor.
-spec input(Input :: tuple(), delivery()) -> delivery().
input(Input, #delivery{phase = attached} = Delivery) ->
    write(Input, Delivery);
input(Input, Delivery) ->
    _ = supervisorring_estate:add_request(once, Input),
    Delivery.

%% What is of interest to this program only. One that has been told what there is has to know
%% what has changed since.
-spec tell(Input :: tuple() | none, delivery()) -> delivery().
tell(none, Delivery) -> Delivery;
tell(_Input, #delivery{phase = none} = Delivery) -> Delivery;
tell(Input, Delivery) -> input(Input, Delivery).

%% A request that stands in the estate.
-spec request(supervisorring_estate:seq(), delivery()) -> delivery().
request(Seq, #delivery{phase = attached} = Delivery) -> write_request(Seq, Delivery);
request(_Seq, Delivery) -> Delivery.

%% The program has ordered a start.
-spec start_ordered(delivery()) -> delivery().
start_ordered(#delivery{starting = Starting} = Delivery) ->
    Delivery#delivery{starting = Starting + 1}.

%% How a start went that the program of that generation ordered.
-spec started(pos_integer(), Token :: integer(), Input :: tuple(), delivery()) -> delivery().
started(Generation, _Token, Input, #delivery{generation = Generation, phase = attached} = Delivery) ->
    #delivery{starting = Starting, urgent = Urgent} = Delivery,
    (write(Input, Delivery))#delivery{starting = Starting - 1, urgent = Urgent};
started(Generation, _Token, Input, #delivery{generation = Generation} = Delivery) ->
    tell(Input, Delivery);
started(_Older, Token, Input, #delivery{inherited = Inherited} = Delivery) ->
    case lists:member(Token, Inherited) of
        true -> tell(Input, Delivery#delivery{inherited = lists:delete(Token, Inherited)});
        false -> Delivery
    end.

%% A child has ended; its row says how.
-spec exited(supervisorring_estate:key(), pid(), delivery()) -> delivery().
exited(Key, Pid, #delivery{phase = attached} = Delivery) ->
    case supervisorring_estate:child(Key) of
        #child{pid = Pid, state = {exited, _}} = Child -> write_exit(Child, Delivery);
        _ -> Delivery
    end;
exited(_Key, _Pid, Delivery) ->
    Delivery.

write_exit(#child{told = Generation}, #delivery{generation = Generation} = Delivery) ->
    Delivery;
write_exit(#child{key = {Sup, _} = Key, pid = Pid, state = {exited, Reason}},
           #delivery{generation = Generation} = Delivery) ->
    supervisorring_estate:update_child(Key, [{#child.told, Generation}]),
    write({child_exited, Sup, Pid, Reason}, Delivery).

write_request(Seq, #delivery{generation = Generation} = Delivery) ->
    case supervisorring_estate:request(Seq) of
        none ->
            Delivery;
        {_Tag, _Input, Generation} ->
            Delivery;
        {once, Input, _} ->
            supervisorring_estate:drop_request(Seq),
            write(Input, Delivery);
        {_Tag, Input, _} ->
            write_kept(Seq, supervisorring_attach:current(Input), Delivery)
    end.

write_kept(Seq, none, Delivery) ->
    supervisorring_estate:drop_request(Seq),
    Delivery;
write_kept(Seq, Input, #delivery{generation = Generation} = Delivery) ->
    supervisorring_estate:mark_sent(Seq, Generation),
    write(Input, Delivery).

write(Input, #delivery{writer = Writer} = Delivery) ->
    Delivery#delivery{writer = supervisorring_writer:add(Input, Writer), urgent = true}.

%% Writing

%% Whether there is something to flush: at once, or when nothing else has come for so many
%% milliseconds. One start of many is not told before others have joined it: the program has
%% enough to do, and a frame for each is what starting many takes the most time for.
-spec due(delivery()) -> no | now | {within, 0 | 1}.
due(#delivery{writer = Writer, urgent = Urgent, starting = Starting} = Delivery) ->
    case supervisorring_writer:due(Writer) of
        soon when Delivery#delivery.phase =:= starting -> now;
        soon when not Urgent, Starting >= ?MANY_STARTS -> {within, 1};
        soon -> {within, 0};
        Due -> Due
    end.

%% Writes what has gathered. Bytes is what a program that does not read has left.
-spec flush(delivery()) -> {ok, delivery()} | {over, Bytes :: pos_integer(), delivery()}.
flush(#delivery{port = Port, writer = Writer} = Delivery) ->
    case supervisorring_writer:flush(Port, Writer) of
        {over, Bytes} -> {over, Bytes, Delivery#delivery{writer = supervisorring_writer:new()}};
        Writer1 -> {ok, Delivery#delivery{writer = Writer1, urgent = false}}
    end.

%% Tries again what the program did not take.
-spec write_again(delivery()) -> delivery().
write_again(#delivery{port = Port, writer = Writer} = Delivery) ->
    Delivery#delivery{writer = supervisorring_writer:write_again(Port, Writer)}.
