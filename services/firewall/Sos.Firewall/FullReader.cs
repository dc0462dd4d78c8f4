using System;
using Sos.Firewall.Tables;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>Fills a <see cref="PacketKey"/> with what rules of tables with <see cref="TableNeeds"/> may look at beyond the usual fields.</summary>
public struct FullReader
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const long SecondsPerMinute = 60;
    private const ulong SecondsPerDay = 86_400;
    private const ulong DaysPerWeek = 7;
    private const ulong FirstWeekday = 4; // 1 January 1970 was a Thursday

    private MacAddress _own;
    private int _minutesWest;
    private ulong _time;
    private uint _hour;
    private uint _weekday;

    /// <summary>Whether rules look at more than the usual fields.</summary>
    public bool IsNeeded { get; private set; }

    /// <summary>Whether they ask for the time.</summary>
    public bool AsksForTime { get; private set; }

    /// <summary>Takes over what a table needs.</summary>
    /// <param name="table">A valid table.</param>
    /// <param name="own">The card's address.</param>
    public void Begin(in FirewallTable table, MacAddress own)
    {
        _own = own;
        IsNeeded = table.Needs != TableNeeds.None;
        AsksForTime = (table.Needs & TableNeeds.Time) != 0;
        _minutesWest = 0;
        MemoryBlock<SetDescriptor> sets = table.Sets;
        for (int i = 0; AsksForTime && i < sets.Length; i++)
        {
            ref readonly SetDescriptor set = ref sets[i];
            _minutesWest = set.Kind == SetKind.Zone ? (int)set.Count : _minutesWest;
        }
    }

    /// <summary>Tells the time of the packets that follow. As nft_meta: the hour is of UTC, the day of the kernel's time zone.</summary>
    /// <param name="time">CLOCK_REALTIME in ns.</param>
    public void SetTime(ulong time)
    {
        ulong seconds = time / NanosecondsPerSecond;
        _time = time;
        _hour = (uint)(seconds % SecondsPerDay);
        ulong local = (ulong)((long)seconds - (_minutesWest * SecondsPerMinute));
        _weekday = (uint)(((local / SecondsPerDay) + FirstWeekday) % DaysPerWeek);
    }

    /// <summary>Reads a packet.</summary>
    /// <param name="frame">Its frame, which stays where it is while rules judge it.</param>
    /// <param name="parsed">What <see cref="FrameParser"/> made of it.</param>
    /// <param name="isSent">Whether Linux sends it.</param>
    /// <param name="key">Its key, with the usual fields.</param>
    public readonly void Read(ReadOnlySpan<byte> frame, in ParsedFrame parsed, bool isSent, ref PacketKey key)
    {
        key.Bytes.Show(frame, in parsed, in key);
        key.Time = _time;
        key.Set(Field.Mark, 0);
        key.Set(Field.PacketType, isSent ? 0 : TypeOf(MacAddress.Read(frame)));
        key.Set(Field.HourOfDay, _hour);
        key.Set(Field.Weekday, _weekday);
    }

    // eth_type_trans. What Linux sends goes "to this host", as its new packets say until they have left the last hook.
    private readonly uint TypeOf(MacAddress destination)
        => destination == MacAddress.Broadcast ? 1u : destination.IsGroup ? 2u : destination == _own ? 0u : 3u;
}
