using System;
using System.Collections.Generic;
using System.Threading;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>
/// Holds what was taken out of the table and may still be in the core's hands. That is free when the core has begun a pass since: each
/// pass tells, at its start, how
/// far it has seen.
/// </summary>
/// <param name="header">The table's header.</param>
/// <param name="patience">How long a core may take for a pass; one that takes longer is stopped, or held.</param>
internal sealed unsafe class Retirement(RouterHeader* header, TimeSpan patience)
{
    private readonly Queue<(ulong Epoch, Action Free)> _waiting = [];
    private bool _isOpen;
    private ulong? _heldAt;

    /// <summary>Things that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Frees something once the core cannot use it any more. The core must not find it from now on.</summary>
    public void Add(Action free) => _waiting.Enqueue((Mark(), free));

    /// <summary>Marks this moment: a core that has seen the mark has begun a pass since, and has nothing in its hands that it read before.</summary>
    public ulong Mark()
    {
        _isOpen = true;
        return header->Epoch + 1;
    }

    /// <summary>Whether the core has seen a mark.</summary>
    public bool HasSeen(ulong mark) => MemoryOrdering.LoadAcquire(ref header->Seen.Epoch) >= mark;

    /// <summary>Waits until the core has seen a mark.</summary>
    /// <returns>False for a core that is stopped or held; it is waited for no more until it goes on.</returns>
    public bool TryAwait(ulong mark) => TryAwait(() => HasSeen(mark));

    /// <summary>Waits until something comes free.</summary>
    /// <returns>Whether something did.</returns>
    public bool TryAwaitRoom()
    {
        int waiting = _waiting.Count;
        return waiting > 0 && TryAwait(() => _waiting.Count < waiting);
    }

    /// <summary>Tells the core what was taken out, and frees what it has let go.</summary>
    public void Turn()
    {
        if (_isOpen)
        {
            _isOpen = false;
            MemoryOrdering.StoreRelease(ref header->Epoch, header->Epoch + 1);
        }

        ulong seen = MemoryOrdering.LoadAcquire(ref header->Seen.Epoch);
        while (_waiting.TryPeek(out (ulong Epoch, Action Free) first) && first.Epoch <= seen)
        {
            _waiting.Dequeue();
            first.Free();
        }
    }

    private bool TryAwait(Func<bool> condition)
    {
        Turn();
        if (_heldAt == header->Seen.Epoch)
        {
            return condition();
        }

        _heldAt = null;
        bool done = SpinWait.SpinUntil(
            () =>
            {
                Turn();
                return condition();
            },
            patience);
        if (!done)
        {
            _heldAt = header->Seen.Epoch;
        }

        return done;
    }
}
