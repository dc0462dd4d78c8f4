using System;
using System.Collections.Generic;
using Sos.Router.Tables;
using Sos.Sdk.Memory;

namespace Sos.Router.Routes;

/// <summary>
/// Holds what was taken out of the table and may still be in the core's hands. That is free when the core has begun a pass since: each
/// pass tells, at its start, how
/// far it has seen.
/// </summary>
internal sealed unsafe class Retirement(RouterHeader* header)
{
    private readonly Queue<(ulong Epoch, Action Free)> _waiting = [];
    private bool _isOpen;

    /// <summary>Things that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Frees something once the core cannot use it any more. The core must not find it from now on.</summary>
    public void Add(Action free)
    {
        _waiting.Enqueue((header->Epoch + 1, free));
        _isOpen = true;
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
}
