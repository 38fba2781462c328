%% @doc Elixir's `LWWElemSet': a set whose members are decided by the last writer, as a struct
%% that `Enum' and `inspect' accept.
%%
%% Each change is kept with its time: `add_set' and `rem_set' are a `MapSet' of `{Element, Time}'.
%% An element is a member when it was added and no removal is newer than the newest add.
%% Two sets are merged by {@link union/2}, in any order and any number of times. A change made
%% here counts after those of its element that the set knows, whatever the clock says.
-module('Elixir.LWWElemSet').

-compile({no_auto_import, [put/2]}).
-export([new/0, new/1, put/2, delete/2, union/2, 'member?'/2, to_list/1]).
-export(['__struct__'/0, '__struct__'/1, '__info__'/1]).

-export_type([t/0]).

-type t() :: #{'__struct__' := 'Elixir.LWWElemSet', add_set := map_set(), rem_set := map_set()}.
-type map_set() :: #{'__struct__' := 'Elixir.MapSet', map := #{{term(), erlang:timestamp()} => []}, _ => _}.

-define(SET(Adds, Removes), #{'__struct__' := ?MODULE, add_set := Adds, rem_set := Removes}).

%% @doc An empty set.
-spec new() -> t().
new() ->
    '__struct__'().

%% @doc A set of these elements.
-spec new([term()]) -> t().
new(Elements) when is_list(Elements) ->
    lists:foldl(fun(Element, Set) -> put(Set, Element) end, new(), Elements).

%% @doc Adds an element.
-spec put(t(), term()) -> t().
put(?SET(Adds, Removes) = Set, Element) ->
    Set#{add_set := with(Adds, Element, later(Element, Removes, 0))}.

%% @doc Removes an element, whether it is a member or not.
-spec delete(t(), term()) -> t().
delete(?SET(Adds, Removes) = Set, Element) ->
    Set#{rem_set := with(Removes, Element, later(Element, Adds, 1))}.

%% @doc The changes of both sets.
-spec union(t(), t()) -> t().
union(?SET(Adds, Removes) = Set, ?SET(OtherAdds, OtherRemoves)) ->
    Set#{add_set := both(Adds, OtherAdds), rem_set := both(Removes, OtherRemoves)}.

%% @doc Whether the element is a member.
-spec 'member?'(t(), term()) -> boolean().
'member?'(?SET(_, _) = Set, Element) ->
    lists:any(fun(Member) -> Member =:= Element end, to_list(Set)).

%% @doc The members, the greatest first.
-spec to_list(t()) -> [term()].
to_list(?SET(Adds, Removes)) ->
    Removed = newest(Removes),
    [Element || {Element, Added} <- newest(Adds), not is_newer(lists:search(is(Element), Removed), Added)].

%% @private
-spec '__struct__'() -> t().
'__struct__'() ->
    #{'__struct__' => ?MODULE,
      add_set => supervisorring_elixir:map_set(),
      rem_set => supervisorring_elixir:map_set()}.

%% @private
-spec '__struct__'([{atom(), term()}]) -> t().
'__struct__'(Fields) ->
    lists:foldl(fun({Field, Value}, Set) -> maps:update(Field, Value, Set) end, '__struct__'(), to_pairs(Fields)).

%% @private
-spec '__info__'(atom()) -> term().
'__info__'(What) ->
    supervisorring_elixir:info(?MODULE, What,
                               [{new, 0}, {new, 1}, {put, 2}, {delete, 2}, {union, 2}, {'member?', 2}, {to_list, 1},
                                {'__struct__', 0}, {'__struct__', 1}], []).

%% Now, or the time of the newest change of the element in Changes and After microseconds if that is later.
later(Element, #{map := Changes}, After) ->
    Now = erlang:timestamp(),
    case [Time || {Changed, Time} <- maps:keys(Changes), Changed == Element] of
        [] -> Now;
        Times -> max(Now, microseconds_after(lists:max(Times), After))
    end.

microseconds_after(Time, 0) ->
    Time;
microseconds_after({Mega, Second, Micro}, After) ->
    All = (Mega * 1000000 + Second) * 1000000 + Micro + After,
    {All div 1000000000000, All div 1000000 rem 1000000, All rem 1000000}.

with(#{map := Changes} = MapSet, Element, Time) ->
    MapSet#{map := Changes#{{Element, Time} => []}}.

both(#{map := Changes} = MapSet, #{map := Others}) ->
    MapSet#{map := maps:merge(Changes, Others)}.

%% The newest change of each element, the greatest element first.
newest(#{map := Changes}) ->
    Descending = lists:sort(fun(A, B) -> A > B end, maps:keys(Changes)),
    first_of_each(Descending, #{}).

first_of_each([{Element, _} = Change | Rest], Seen) ->
    case Seen of
        #{Element := _} -> first_of_each(Rest, Seen);
        #{} -> [Change | first_of_each(Rest, Seen#{Element => []})]
    end;
first_of_each([], _Seen) ->
    [].

is(Element) ->
    fun({Other, _Time}) -> Other == Element end.

is_newer({value, {_Element, Removed}}, Added) -> Removed > Added;
is_newer(false, _Added) -> false.

to_pairs(Fields) when is_map(Fields) -> maps:to_list(Fields);
to_pairs(Fields) -> Fields.
