# The golden files are JSON, for which this Elixir has no reader.
defmodule Json do
  def read!(path) do
    {value, rest} = path |> File.read!() |> value()
    "" = String.trim(rest)
    value
  end

  defp value(<<c, rest::binary>>) when c in ' \t\r\n', do: value(rest)
  defp value("{" <> rest), do: object(skip(rest), %{})
  defp value("[" <> rest), do: array(skip(rest), [])
  defp value("\"" <> rest), do: string(rest, "")
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("null" <> rest), do: {nil, rest}
  defp value(number), do: Integer.parse(number)

  defp object("}" <> rest, acc), do: {acc, rest}
  defp object("," <> rest, acc), do: object(skip(rest), acc)

  defp object("\"" <> rest, acc) do
    {key, rest} = string(rest, "")
    ":" <> rest = skip(rest)
    {value, rest} = value(rest)
    object(skip(rest), Map.put(acc, key, value))
  end

  defp array("]" <> rest, acc), do: {Enum.reverse(acc), rest}
  defp array("," <> rest, acc), do: array(skip(rest), acc)

  defp array(rest, acc) do
    {value, rest} = value(rest)
    array(skip(rest), [value | acc])
  end

  defp string("\"" <> rest, acc), do: {acc, rest}

  defp string("\\u" <> <<hex::binary-4, rest::binary>>, acc),
    do: string(rest, acc <> <<String.to_integer(hex, 16)::utf8>>)

  defp string(<<?\\, c, rest::binary>>, acc), do: string(rest, acc <> unescape(c))
  defp string(<<c, rest::binary>>, acc), do: string(rest, <<acc::binary, c>>)

  defp unescape(?n), do: "\n"
  defp unescape(?t), do: "\t"
  defp unescape(?r), do: "\r"
  defp unescape(c) when c in '"\\/', do: <<c>>

  defp skip(text), do: String.trim_leading(text)
end

defmodule Golden do
  @folder Path.expand("../../golden", __DIR__)

  def read!(name), do: Json.read!(Path.join(@folder, name))
  def term(hex), do: hex |> Base.decode16!(case: :lower) |> :erlang.binary_to_term()
end

Application.stop(:legacy)
ExUnit.start()
