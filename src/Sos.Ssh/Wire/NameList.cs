using System;

namespace Sos.Ssh.Wire;

/// <summary>Lists of names between commas (RFC 4251, 5).</summary>
internal static class NameList
{
    /// <summary>Returns the first name.</summary>
    public static ReadOnlySpan<byte> First(ReadOnlySpan<byte> list)
    {
        int comma = list.IndexOf((byte)',');
        return comma < 0 ? list : list[..comma];
    }

    /// <summary>Returns whether a name is in a list.</summary>
    public static bool Contains(ReadOnlySpan<byte> list, ReadOnlySpan<byte> name)
    {
        while (!list.IsEmpty)
        {
            ReadOnlySpan<byte> first = First(list);
            if (first.SequenceEqual(name))
            {
                return true;
            }

            list = list[Math.Min(list.Length, first.Length + 1)..];
        }

        return false;
    }

    /// <summary>Returns the first name of the client's list that is in the server's (RFC 4253, 7.1), or nothing.</summary>
    public static ReadOnlySpan<byte> Choose(ReadOnlySpan<byte> client, ReadOnlySpan<byte> server)
    {
        while (!client.IsEmpty)
        {
            ReadOnlySpan<byte> first = First(client);
            if (!first.IsEmpty && Contains(server, first))
            {
                return first;
            }

            client = client[Math.Min(client.Length, first.Length + 1)..];
        }

        return default;
    }
}
