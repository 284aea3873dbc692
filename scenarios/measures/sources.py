"""Where the definitions of the measures come from, each as a reader can look it up."""

INTRAVASCULAR_ULTRASOUND = (
    "Mintz 2001, ACC consensus on intravascular ultrasound, J Am Coll Cardiol 37:1478, doi:10.1016/S0735-1097(01)01175-5"
)
MEAN_LOCAL_REFERENCE = (
    "DICOM PS3.17 T.4.3, mean local reference; largest lumen within 10 mm as in Mintz 2001, J Am Coll Cardiol 37:1478"
)
ARTERIAL_ANALYSIS = "DICOM PS3.17 T.4, quantitative arterial analysis"
EXPANSION = "Maehara 2015 (ILUMIEN II), JACC Cardiovasc Interv 8:1704, doi:10.1016/j.jcin.2015.07.024"
GAIN = "Kuntz and Baim 1993, Circulation 88:1310 (cited from memory)"
RECOIL = "ASTM F2079, recoil of balloon-expandable stents; in vivo Aziz 2007, Heart 93:1562, doi:10.1136/hrt.2006.107052"
FORESHORTENING = "Open Stent design calculator (Bonsignore); ASTM F2081, dimensional attributes of vascular stents"
DOG_BONING = "Wiesent 2019, PLoS ONE 14:e0224026, doi:10.1371/journal.pone.0224026"
ECCENTRICITY = (
    "Brugaletta 2012, Catheter Cardiovasc Interv 79:219 (repub.eur.nl/pub/63724); at least 0.7 wanted by the MUSIC criteria"
)
MALAPPOSITION = (
    "Farther from the lumen than strut and polymer are thick, as in optical coherence tomography; Räber 2018, Eur Heart J 39:3281"
)
WALL_STRESS = "Own definition; stress as a mark of injury in stenting: Holzapfel 2005, J Biomech Eng 127:166 (cited from memory)"
RADIAL_LOAD = "Own definition: sum of contact forces over the stent's length; radial load per length as in ASTM F3067"
PROLAPSE = "Tissue within the contour of the stent's struts, as in optical coherence tomography; Räber 2018, Eur Heart J 39:3281"
LANDING = "Own definition, by the lesion's edges of the lumen's measures"
GEOGRAPHIC_MISS = "Longitudinal geographic miss, Costa 2008 (STLLR), Am J Cardiol 101:1704 (cited from memory)"
OVERSIZING = (
    "Ratio of stent to artery; 1.0 to 1.1 in coronary arteries (from memory), above 1.4 more restenosis in the superficial "
    "femoral artery, Li 2021"
)
MUSIC = "MUSIC criteria, de Jaegere 1998, Eur Heart J 19:1214 (cited from memory), as read in taylorfrancis.com, ch. 21"
SEALING = "Own definition; gap between frame and wall over the sealing zone as for paravalvular leak (from memory)"
STANDING_OFF = "EAPCI consensus 2018, EIJY18M06_01: 0.4 mm over more than 1 mm matter (cited from memory)"
FLOW_RESERVE = (
    "Young and Tsai 1973, J Biomech 6:395 and 6:547 (cited from memory); bounds as in Lyras and Lee 2021, "
    "PLoS ONE 16:e0258047, doi:10.1371/journal.pone.0258047"
)
OWN = "Own definition"
