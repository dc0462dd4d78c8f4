using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Cores.Companions;

/// <summary>The name that somebody probably meant.</summary>
public static class NearestName
{
    /// <summary>Finds the known name with the fewest changed, added, lost or swapped characters.</summary>
    /// <param name="given">What was given.</param>
    /// <param name="known">The names that exist.</param>
    /// <returns>Null when none is near: more than a third of the characters differ.</returns>
    public static string? Find(string given, IEnumerable<string> known)
        => known.Select(name => (Name: name, Distance: Distance(given, name)))
            .Where(candidate => candidate.Distance <= Math.Max(given.Length, candidate.Name.Length) / 3 + 1)
            .Where(candidate => candidate.Distance < Math.Max(given.Length, candidate.Name.Length))
            .OrderBy(candidate => candidate.Distance)
            .Select(candidate => candidate.Name)
            .FirstOrDefault();

    // Damerau and Levenshtein's distance between neighbours ("optimal string alignment").
    private static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            cost[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            cost[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int change = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(change, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
                }
            }
        }

        return cost[a.Length, b.Length];
    }
}
