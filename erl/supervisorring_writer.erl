%% Writes to the program's port without ever being suspended: what a program that does not
%% read leaves waits here, and is tried again when the caller gets `write_again'.
%%
%% Inputs are gathered and written together, as one frame, by flush/2: a frame costs both
%% sides a call to the system and a turn.
-module(supervisorring_writer).

-export([new/0, add/2, due/1, flush/2, write_again/2]).

-record(writer, {inputs = [] :: [tuple()], % the newest first
                 count = 0 :: non_neg_integer(),
                 frames = queue:new() :: queue:queue(binary()), bytes = 0 :: non_neg_integer()}).
-opaque writer() :: #writer{}.
-export_type([writer/0]).

-define(RETRY_MS, 1).
%% A program that does not read is killed after a second; this much does not come in that time.
-define(MAX_BYTES, 268435456).
%% So many do not wait for more: the program has something to do while others are gathered.
-define(MAX_GATHERED, 64).
%% A longer frame may be beyond what the program takes, which the inputs of it alone are not.
-define(MAX_TOGETHER, 16777216).

%% Nothing waits.
-spec new() -> writer().
new() ->
    #writer{}.

%% One more input to be written.
-spec add(Input :: tuple(), writer()) -> writer().
add(Input, #writer{inputs = Inputs, count = Count} = Writer) ->
    Writer#writer{inputs = [Input | Inputs], count = Count + 1}.

%% Whether there is something to flush, or so much that it is time to.
-spec due(writer()) -> no | soon | now.
due(#writer{count = 0}) -> no;
due(#writer{count = Count}) when Count < ?MAX_GATHERED -> soon;
due(#writer{}) -> now.

%% Writes what was added. Bytes is what waits when that is too much.
-spec flush(port(), writer()) -> writer() | {over, Bytes :: pos_integer()}.
flush(_Port, #writer{count = 0} = Writer) ->
    Writer;
flush(Port, #writer{inputs = [Input]} = Writer) ->
    write(Port, encode(Input), Writer#writer{inputs = [], count = 0});
flush(Port, #writer{inputs = Inputs} = Writer) ->
    Written = Writer#writer{inputs = [], count = 0},
    case encode(lists:reverse(Inputs)) of
        Frame when byte_size(Frame) =< ?MAX_TOGETHER ->
            write(Port, Frame, Written);
        _TooLong ->
            lists:foldl(fun(_Input, {over, _} = Over) -> Over;
                           (Input, Acc) -> write(Port, encode(Input), Acc)
                        end, Written, lists:reverse(Inputs))
    end.

encode(Term) ->
    term_to_binary(Term, [{minor_version, 2}]).

write(Port, Frame, #writer{frames = Frames, bytes = Bytes} = Writer) ->
    case Bytes =:= 0 andalso command(Port, Frame) of
        true ->
            Writer;
        false when Bytes + byte_size(Frame) > ?MAX_BYTES ->
            {over, Bytes + byte_size(Frame)};
        false ->
            Bytes =:= 0 andalso again(),
            Writer#writer{frames = queue:in(Frame, Frames), bytes = Bytes + byte_size(Frame)}
    end.

%% Tries what waits.
-spec write_again(port() | undefined, writer()) -> writer().
write_again(Port, #writer{frames = Frames, bytes = Bytes} = Writer) ->
    case queue:peek(Frames) of
        {value, Frame} ->
            case command(Port, Frame) of
                true ->
                    Rest = Writer#writer{frames = queue:drop(Frames), bytes = Bytes - byte_size(Frame)},
                    write_again(Port, Rest);
                false ->
                    again(),
                    Writer
            end;
        empty ->
            Writer
    end.

again() ->
    erlang:send_after(?RETRY_MS, self(), write_again).

%% A port that has just closed says so by a message of its own.
command(Port, Frame) ->
    try port_command(Port, Frame, [nosuspend])
    catch error:badarg -> true
    end.
