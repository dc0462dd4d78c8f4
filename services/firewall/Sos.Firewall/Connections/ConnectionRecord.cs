using System;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;

namespace Sos.Firewall.Connections;

/// <summary>
/// The connections that Linux sent a packet of, as of two tables ago, and, where a table asks for that, those that the core passed a packet of. With
/// what Linux itself knew when the table before was in use, which the table brings, that is all there are: what is in neither is certainly none. It
/// ages nothing, since the next table brings what is still alive.
/// </summary>
public struct ConnectionRecord
{
    // A million connections between two tables make one in ten strangers seem known; 1 MiB each.
    private const int Words = 1 << 17;

    // Cleared in one poll: less than a packet's time.
    private const int ClearedWords = 256;

    private MemoryBlock<ulong> _current;
    private MemoryBlock<ulong> _former;
    private MemoryBlock<ulong> _spare;
    private int _dirtyWords;
    private ulong _since;
    private ulong _formerSince;
    private bool _isBlind;
    private bool _wasBlind;
    private bool _recordsPassed;
    private bool _recordedPassed;

    /// <summary>Whether there is memory for it; without, no packet is certainly a stranger's.</summary>
    public bool IsMade { get; private set; }

    /// <summary>Takes its memory.</summary>
    /// <returns>Whether the arena had it.</returns>
    public bool TryMake(Arena arena)
    {
        _recordsPassed = true; // Nothing passes before the first table.
        return IsMade = arena.TryAllocate(Words, out _current) && arena.TryAllocate(Words, out _former) && arena.TryAllocate(Words, out _spare);
    }

    /// <summary>Another table comes into use.</summary>
    /// <param name="generation">Its generation.</param>
    /// <param name="recordsPassed">Whether what the core passes is recorded from now on.</param>
    public void Begin(ulong generation, bool recordsPassed)
    {
        // While the spare part is not clean yet, what there is goes on: it holds more than it need, if all tables so far asked for the same.
        if (!IsMade || _dirtyWords > 0)
        {
            _recordsPassed &= recordsPassed;
            return;
        }

        (_former, _current, _spare) = (_current, _spare, _former);
        (_formerSince, _since) = (_since, generation);
        (_wasBlind, _isBlind) = (_isBlind, false);
        (_recordedPassed, _recordsPassed) = (_recordsPassed, recordsPassed);
        _dirtyWords = Words;
    }

    /// <summary>Does a piece of its upkeep.</summary>
    public void Poll()
    {
        if (_dirtyWords > 0)
        {
            _dirtyWords -= ClearedWords;
            _spare.Slice(_dirtyWords, ClearedWords).Span.Clear();
        }
    }

    /// <summary>Records a frame that Linux sends; before the frame leaves.</summary>
    public void AddSent(ReadOnlySpan<byte> frame)
    {
        if (!IsMade)
        {
            return;
        }

        switch (SentFrame.Read(frame, out ulong key))
        {
            case SentKind.Keyed:
                ConnectionFilter.Add(_current, key);
                break;
            case SentKind.Wrapped:
                ConnectionFilter.Add(_current, key);
                _isBlind = true;
                break;
            case SentKind.Unreadable:
                _isBlind = true;
                break;
        }
    }

    /// <summary>
    /// Records a frame that the core passes to Linux. What cannot be read begins no connection there either; nor does what is inside another packet,
    /// unless a device takes it out.
    /// </summary>
    public void AddPassed(ReadOnlySpan<byte> frame)
    {
        if (IsMade && SentFrame.Read(frame, out ulong key) is SentKind.Keyed or SentKind.Wrapped)
        {
            ConnectionFilter.Add(_current, key);
        }
    }

    /// <summary>
    /// Whether a packet certainly belongs to no connection; where the table has the core record what it passes, to none that Linux ever saw.
    /// </summary>
    /// <param name="table">The table in use.</param>
    /// <param name="key">The packet's key.</param>
    public readonly bool IsStranger(in FirewallTable table, ulong key)
        => IsMade && !_isBlind && !_wasBlind && (!table.RecordsPassed || (_recordsPassed && _recordedPassed))
            && table.TryGetConnections(out MemoryBlock<ulong> seeds, out ulong seenWith) && seenWith >= _formerSince
            && !ConnectionFilter.MayHold(_current, key)
            && !ConnectionFilter.MayHold(_former, key)
            && !ConnectionFilter.MayHold(seeds, key);
}
