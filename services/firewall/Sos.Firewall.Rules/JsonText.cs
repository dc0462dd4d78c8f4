using System;
using System.Text.Json;
using System.Text.Unicode;

namespace Sos.Firewall.Rules;

/// <summary>Checks once that every string of a JSON text is one, which JsonDocument leaves to whoever reads the string.</summary>
internal static class JsonText
{
    /// <summary>Checks a text.</summary>
    /// <exception cref="JsonException">It is no UTF-8, an escape names half a character, or it is no JSON.</exception>
    public static void EnsureReadable(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            throw new JsonException("it is not UTF-8");
        }

        Utf8JsonReader reader = new(json);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                EnsureWhole(ref reader);
            }
        }
    }

    private static void EnsureWhole(ref Utf8JsonReader reader)
    {
        try
        {
            _ = reader.GetString();
        }
        catch (InvalidOperationException half)
        {
            throw new JsonException($"a string at byte {reader.TokenStartIndex} has an escape for half a character", half);
        }
    }
}
