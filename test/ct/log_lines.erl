%% A logger handler that remembers what was logged on its node.
-module(log_lines).

-export([start/0, events/0]).
-export([log/2]).

-spec start() -> ok.
start() ->
    Self = self(),
    spawn(fun() ->
              ?MODULE = ets:new(?MODULE, [named_table, public, ordered_set]),
              Self ! table,
              receive after infinity -> ok end
          end),
    receive table -> ok end,
    ok = logger:set_primary_config(level, debug),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}).

%% {Level, Text, Metadata}, oldest first.
-spec events() -> [{logger:level(), string(), map()}].
events() ->
    [Event || {_, Event} <- ets:tab2list(?MODULE)].

log(#{level := Level, meta := Meta} = Event, _Config) ->
    Text = logger_formatter:format(Event, #{template => [msg], single_line => true}),
    ets:insert(?MODULE, {erlang:unique_integer([monotonic]),
                         {Level, unicode:characters_to_list(Text), Meta}}).
