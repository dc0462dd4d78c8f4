using System.Runtime.CompilerServices;

namespace Sos.Net;

/// <summary>The TCP ports at which an endpoint listens.</summary>
public struct PortSet
{
    /// <summary>Ports at most: one for each protocol that a service speaks, with room.</summary>
    public const int CountMax = 4;

    private Slots _slots;

    /// <summary>Ports.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a port.</summary>
    /// <returns>False when it is 0 or there, or there are <see cref="CountMax"/>.</returns>
    public bool TryAdd(ushort port)
    {
        if (port == 0 || Count == CountMax || Contains(port))
        {
            return false;
        }

        _slots[Count++] = port;
        return true;
    }

    /// <summary>Whether the endpoint listens at a port.</summary>
    public readonly bool Contains(ushort port)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_slots[i] == port)
            {
                return true;
            }
        }

        return false;
    }

    [InlineArray(CountMax)]
    private struct Slots
    {
        private ushort _first;
    }
}
