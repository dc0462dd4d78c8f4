using System;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Linux;

namespace Sos.Cores;

/// <summary>A set of cpus, in the two ways in which Linux writes one. Immutable.</summary>
public sealed class CpuSet : IEquatable<CpuSet>
{
    /// <summary>Cpus that a set can hold: CPU_SETSIZE of glibc.</summary>
    public const int CpusMax = 1024;

    private const int WordBits = 64;
    private const int MaskDigits = 8; // of 32 bits, between two commas

    private readonly ulong[] _words;

    private CpuSet(ulong[] words) => _words = words;

    /// <summary>No cpu.</summary>
    public static CpuSet Empty { get; } = new(new ulong[CpusMax / WordBits]);

    /// <summary>Whether it has no cpu.</summary>
    public bool IsEmpty => !_words.AsSpan().ContainsAnyExcept(0UL);

    /// <summary>Cpus in it.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words)
            {
                count += BitOperations.PopCount(word);
            }

            return count;
        }
    }

    /// <summary>As sched_setaffinity(2) takes it.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    /// <summary>A set of the given cpus; those that no set can hold are left out.</summary>
    public static CpuSet Of(params IEnumerable<int> cpus)
    {
        ulong[] words = new ulong[CpusMax / WordBits];
        foreach (int cpu in cpus)
        {
            if ((uint)cpu < CpusMax)
            {
                words[cpu / WordBits] |= 1UL << (cpu % WordBits);
            }
        }

        return new CpuSet(words);
    }

    /// <summary>Reads a list: "0-2,5".</summary>
    public static CpuSet ParseList(string text) => Of(CpuTopology.ParseList(text));

    /// <summary>Reads a mask: "ff,ffffffff".</summary>
    public static CpuSet ParseMask(string text)
    {
        List<int> cpus = [];
        string[] groups = text.Trim().Split(',');
        for (int group = 0; group < groups.Length; group++)
        {
            if (uint.TryParse(groups[^(group + 1)], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint bits))
            {
                for (int bit = 0; bit < 32; bit++)
                {
                    if ((bits & (1u << bit)) != 0)
                    {
                        cpus.Add((group * 32) + bit);
                    }
                }
            }
        }

        return Of(cpus);
    }

    /// <summary>Whether a cpu is in it.</summary>
    public bool Contains(int cpu) => (uint)cpu < CpusMax && (_words[cpu / WordBits] & (1UL << (cpu % WordBits))) != 0;

    /// <summary>Lets a thread run on these cpus only.</summary>
    /// <param name="thread">Linux's id of the thread.</param>
    /// <returns>0 or an errno.</returns>
    internal unsafe int Bind(int thread)
    {
        fixed (ulong* words = Words)
        {
            return SchedulerCalls.SetAffinity(thread, (nuint)(Words.Length * sizeof(ulong)), words) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>With one cpu more.</summary>
    public CpuSet With(int cpu) => Union(Of(cpu));

    /// <summary>With one cpu less.</summary>
    public CpuSet Without(int cpu) => Except(Of(cpu));

    /// <summary>Returns the cpus that are in either.</summary>
    public CpuSet Union(CpuSet other) => Combine(other, static (own, others) => own | others);

    /// <summary>Returns the cpus that are in this one alone.</summary>
    public CpuSet Except(CpuSet other) => Combine(other, static (own, others) => own & ~others);

    /// <summary>The cpus, ascending.</summary>
    public IReadOnlyList<int> ToArray()
    {
        List<int> cpus = [];
        for (int cpu = 0; cpu < CpusMax; cpu++)
        {
            if (Contains(cpu))
            {
                cpus.Add(cpu);
            }
        }

        return cpus;
    }

    /// <summary>As a list: "0-2,5".</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        IReadOnlyList<int> cpus = ToArray();
        for (int i = 0; i < cpus.Count; i++)
        {
            int first = i;
            while (i + 1 < cpus.Count && cpus[i + 1] == cpus[i] + 1)
            {
                i++;
            }

            text.Append(text.Length == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{cpus[first]}");
            text.Append(CultureInfo.InvariantCulture, $"{(i == first ? "" : $"-{cpus[i]}")}");
        }

        return text.ToString();
    }

    /// <summary>As a mask: "ff,ffffffff".</summary>
    public string ToMask()
    {
        StringBuilder text = new();
        for (int group = (CpusMax / 32) - 1; group >= 0; group--)
        {
            uint bits = (uint)(_words[group / 2] >> (group % 2 * 32));
            if (text.Length > 0)
            {
                text.Append(',').Append(bits.ToString($"x{MaskDigits}", CultureInfo.InvariantCulture));
            }
            else if (bits != 0 || group == 0)
            {
                text.Append(bits.ToString("x", CultureInfo.InvariantCulture));
            }
        }

        return text.ToString();
    }

    /// <inheritdoc/>
    public bool Equals(CpuSet? other) => other is not null && _words.AsSpan().SequenceEqual(other._words);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CpuSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (ulong word in _words)
        {
            hash.Add(word);
        }

        return hash.ToHashCode();
    }

    private CpuSet Combine(CpuSet other, Func<ulong, ulong, ulong> combine)
    {
        ulong[] words = new ulong[_words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = combine(_words[i], other._words[i]);
        }

        return new CpuSet(words);
    }
}
