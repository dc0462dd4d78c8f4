using System;
using System.Runtime.CompilerServices;

namespace Sos.Net;

/// <summary>The prefixes whose hosts an endpoint answers. An empty list answers all.</summary>
public struct SourceList
{
    /// <summary>Prefixes at most: a handful of management networks in both families.</summary>
    public const int CountMax = 16;

    private Slots _slots;
    private int _count;

    /// <summary>Prefixes.</summary>
    public readonly int Count => _count;

    /// <summary>Whether an address may talk to the endpoint.</summary>
    public readonly bool Contains(IpAddress address)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_slots[i].Contains(address))
            {
                return true;
            }
        }

        return _count == 0;
    }

    /// <summary>Adds a prefix.</summary>
    /// <returns>False when there are <see cref="CountMax"/>.</returns>
    public bool TryAdd(IpPrefix prefix)
    {
        if (_count == CountMax)
        {
            return false;
        }

        _slots[_count++] = prefix;
        return true;
    }

    /// <summary>Reads prefixes with commas between.</summary>
    /// <returns>False when one is none, or there are too many.</returns>
    public static bool TryParse(ReadOnlySpan<byte> text, out SourceList list)
    {
        list = default;
        while (true)
        {
            int end = 0;
            while (end < text.Length && text[end] != (byte)',')
            {
                end++;
            }

            if (!IpPrefix.TryParse(text[..end], out IpPrefix prefix) || !list.TryAdd(prefix))
            {
                return false;
            }

            if (end == text.Length)
            {
                return true;
            }

            text = text[(end + 1)..];
        }
    }

    [InlineArray(CountMax)]
    private struct Slots
    {
        private IpPrefix _first;
    }
}
