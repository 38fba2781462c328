%% Golden data: the JSON files of test/golden as maps, lists and binaries.
-module(golden).

-export([read/1, term/1]).

-spec read(File :: string()) -> map().
read(File) ->
    {ok, Json} = file:read_file(filename:join([filename:dirname(?FILE), "..", "golden", File])),
    {Value, Rest} = value(space(Json)),
    <<>> = space(Rest),
    Value.

%% The term of an external form in hex.
-spec term(Hex :: binary()) -> term().
term(Hex) ->
    binary_to_term(binary:decode_hex(Hex)).

value(<<"{", Rest/binary>>) -> object(space(Rest), #{});
value(<<"[", Rest/binary>>) -> array(space(Rest), []);
value(<<"\"", Rest/binary>>) -> string(Rest, <<>>);
value(<<"true", Rest/binary>>) -> {true, Rest};
value(<<"false", Rest/binary>>) -> {false, Rest};
value(<<"null", Rest/binary>>) -> {null, Rest};
value(Number) ->
    {Integer, Rest} = string:to_integer(Number),
    {Integer, Rest}.

object(<<"}", Rest/binary>>, Object) -> {Object, Rest};
object(<<",", Rest/binary>>, Object) -> object(space(Rest), Object);
object(<<"\"", Rest0/binary>>, Object) ->
    {Key, Rest1} = string(Rest0, <<>>),
    <<":", Rest2/binary>> = space(Rest1),
    {Value, Rest3} = value(space(Rest2)),
    object(space(Rest3), Object#{Key => Value}).

array(<<"]", Rest/binary>>, Values) -> {lists:reverse(Values), Rest};
array(<<",", Rest/binary>>, Values) -> array(space(Rest), Values);
array(Rest0, Values) ->
    {Value, Rest} = value(Rest0),
    array(space(Rest), [Value | Values]).

string(<<"\"", Rest/binary>>, Text) -> {Text, Rest};
string(<<"\\u", Hex:4/binary, Rest/binary>>, Text) -> string(Rest, <<Text/binary, (binary_to_integer(Hex, 16))/utf8>>);
string(<<"\\", Escaped, Rest/binary>>, Text) -> string(Rest, <<Text/binary, Escaped>>);
string(<<Byte, Rest/binary>>, Text) -> string(Rest, <<Text/binary, Byte>>).

space(<<Space, Rest/binary>>) when Space =< $\s -> space(Rest);
space(Rest) -> Rest.
