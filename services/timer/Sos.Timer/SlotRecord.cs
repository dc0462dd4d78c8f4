using Sos.Sdk.Memory;
using Sos.Timer.Layout;

namespace Sos.Timer;

/// <summary>The service's own counts of a timer since it was armed: a client can write to its own copy.</summary>
internal struct SlotRecord
{
    public ulong Expirations;
    public ulong Misses;
    public ulong Overruns;
    public ulong LatenessMax;
}

/// <summary>The records of all timers, and the counts in all.</summary>
internal readonly unsafe struct RecordList
{
    private readonly MemoryBlock<SlotRecord> _records;

    private readonly TimerAdmin* _admin;

    public RecordList(MemoryBlock<SlotRecord> records, TimerAdmin* admin)
    {
        _records = records;
        _admin = admin;
    }

    /// <summary>Begins anew.</summary>
    public void Clear(uint timer) => _records[timer] = default;

    /// <summary>Counts an expiration.</summary>
    public ref readonly SlotRecord Count(in Expiry expiry)
    {
        ref SlotRecord record = ref _records[expiry.Timer];
        record.Expirations += expiry.Expirations;
        record.Misses += expiry.Misses;
        record.Overruns += expiry.Expirations - 1;
        record.LatenessMax = expiry.Lateness > record.LatenessMax ? expiry.Lateness : record.LatenessMax;
        _admin->Expirations += expiry.Expirations;
        _admin->Misses += expiry.Misses;
        _admin->Overruns += expiry.Expirations - 1;
        _admin->LatenessMax = expiry.Lateness > _admin->LatenessMax ? expiry.Lateness : _admin->LatenessMax;
        _admin->Armed -= expiry.Armed ? 0u : 1;
        return ref record;
    }
}
